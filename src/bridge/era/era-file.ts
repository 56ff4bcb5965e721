import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isObject } from '../../jsonrpc.ts';
import type { RemoteTransport } from '../../remote/transport.ts';
import type { ProtocolEra } from '../../revisions.ts';

const FOLDER = 'servers';

/** What was found out about a server. */
export interface EraVerdict {
  era: ProtocolEra;
  /** By which transport it answered; undefined: not known. */
  transport?: RemoteTransport['name'] | undefined;
  /** Epoch milliseconds. */
  at: number;
}

/** Keeps what was found out about a server from one start to the next. */
export interface EraMemory {
  read(): EraVerdict | undefined;
  write(verdict: EraVerdict): void;
}

/** A file for each server. It holds nothing that is secret, and nothing breaks where it can't be kept. */
export class EraFile implements EraMemory {
  readonly path: string;

  /**
   * @param folder where all that the program keeps is
   * @param server the server's URL
   */
  constructor(folder: string, server: string, profile: string) {
    this.path = join(folder, FOLDER, `${shortName(server, profile)}.json`);
  }

  read(): EraVerdict | undefined {
    try {
      const value: unknown = JSON.parse(readFileSync(this.path, 'utf8'));
      if (!isObject(value) || value.schema !== 1 || typeof value.at !== 'number') return undefined;
      const { era, transport, at } = value;
      if (era !== 'legacy' && era !== 'modern') return undefined;
      return { era, transport: transport === 'http' || transport === 'sse' ? transport : undefined, at };
    } catch {
      return undefined;
    }
  }

  write(verdict: EraVerdict): void {
    // Not before the answer that has told it is on its way to the client.
    setImmediate(() => this.#write(verdict));
  }

  #write(verdict: EraVerdict): void {
    const temp = `${this.path}.${process.pid}`;
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      writeFileSync(temp, `${JSON.stringify({ schema: 1, ...verdict })}\n`, { mode: 0o600 });
      renameSync(temp, this.path);
    } catch {
      // The next start finds it out again, by one request more.
    }
  }
}

/**
 * A short name for anything, fit for a file: FNV-1a in 64 bits, hexadecimal. Not against people with intent, whom it
 * would gain nothing; node:crypto alone would take 2 ms of each start.
 */
function shortName(...parts: string[]): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(JSON.stringify(parts))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}
