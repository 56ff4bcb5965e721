import { createHash } from 'node:crypto';

/**
 * An id for anything, fit for a file's name: lower-case hex SHA-256 over the fields, each with its length before it, so
 * that no two lists of fields give the same [50].
 */
export function idOf(...parts: (string | null)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = Buffer.from(part ?? '', 'utf8');
    const length = Buffer.alloc(5);
    length.writeUInt8(part === null ? 0 : 1);
    length.writeUInt32BE(bytes.length, 1);
    hash.update(length).update(bytes);
  }
  return hash.digest('hex');
}

/** What all records of one connection have in common in their names: 32 hex digits. */
export function connectionId(server: string, profile: string): string {
  return idOf('connection', server, profile).slice(0, 32);
}
