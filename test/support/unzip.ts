import { crc32, inflateRawSync } from 'node:zlib';

export interface ZipEntry {
  name: string;
  data: Buffer;
  /** The rights of the file, such as 0o644. */
  mode: number;
}

/**
 * The files of a zip archive, read by its central directory as APPNOTE.TXT (4.3.12) has it, and held against what
 * stands before each of them.
 */
export function unzip(archive: Buffer): ZipEntry[] {
  const end = archive.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0) throw new Error('no end of a central directory');
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  const entries: ZipEntry[] = [];
  for (let index = 0; index < count; index++) {
    if (archive.toString('latin1', at, at + 4) !== 'PK\x01\x02') throw new Error(`no entry at ${at}`);
    const nameLength = archive.readUInt16LE(at + 28);
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    const local = archive.readUInt32LE(at + 42);
    // What a reader finds that goes through the archive from its beginning.
    if (!archive.subarray(at + 6, at + 30).equals(archive.subarray(local + 4, local + 28)))
      throw new Error(`two headers of ${name} differ`);
    const start = local + 30 + nameLength + archive.readUInt16LE(local + 28);
    const data = inflateRawSync(archive.subarray(start, start + archive.readUInt32LE(at + 20)));
    if (data.length !== archive.readUInt32LE(at + 24)) throw new Error(`the size of ${name} is wrong`);
    if (crc32(data) !== archive.readUInt32LE(at + 16)) throw new Error(`the checksum of ${name} is wrong`);
    entries.push({ name, data, mode: (archive.readUInt32LE(at + 38) >>> 16) & 0o777 });
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  if (at !== end) throw new Error('the central directory is longer or shorter than its entries');
  return entries;
}
