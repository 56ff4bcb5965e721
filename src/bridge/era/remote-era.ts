import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isObject } from '../../jsonrpc.ts';
import type { RemoteTransport } from '../../remote/transport.ts';
import type { ProtocolEra } from '../../revisions.ts';

/**
 * So long a server is taken to be of the legacy era without another look, in milliseconds: one that was renewed goes on
 * answering `initialize`, so that verdict never fails by itself. A modern one does.
 */
const LEGACY_LASTS = 24 * 60 * 60 * 1000;

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

/** Which era the remote is of: pinned by the user, found out, or remembered. */
export class RemoteEra {
  /** Whether the user has said it, so that nothing is found out. */
  readonly isPinned: boolean;
  readonly #memory: EraMemory | undefined;
  #known: ProtocolEra | undefined;
  #transport: RemoteTransport['name'] | undefined;
  #isRead = false;

  /** @param choice `--era` */
  constructor(choice: ProtocolEra | 'auto', memory: EraMemory | undefined) {
    this.isPinned = choice !== 'auto';
    this.#memory = this.isPinned ? undefined : memory;
    this.#known = choice === 'auto' ? undefined : choice;
  }

  /** Undefined where the next message has to find it out. */
  get known(): ProtocolEra | undefined {
    if (this.#known !== undefined || this.#isRead) return this.#known;
    this.#isRead = true;
    const verdict = this.#memory?.read();
    if (verdict) {
      const age = Date.now() - verdict.at;
      const isFresh = verdict.era === 'modern' || (age >= 0 && age < LEGACY_LASTS);
      this.#known = isFresh ? verdict.era : undefined;
      this.#transport = isFresh ? verdict.transport : undefined;
    }
    return this.#known;
  }

  /**
   * The remote has shown it: by an answer, never by a 401, a 403, a 5xx or silence.
   *
   * @param transport the one that the answer came by; undefined: that is not known here
   */
  found(era: ProtocolEra, transport?: RemoteTransport['name']): void {
    const isKnown = this.known === era && (transport ?? this.#transport) === this.#transport;
    if (this.isPinned || isKnown) return;
    this.#known = era;
    this.#transport = transport;
    this.#memory?.write({ era, ...(transport && { transport }), at: Date.now() });
  }
}

/** A file for each server. It holds nothing that is secret, and nothing breaks where it can't be kept. */
export class EraFile implements EraMemory {
  readonly #path: string;

  /**
   * @param folder where all that the program keeps is
   * @param server the server's URL
   */
  constructor(folder: string, server: string, profile: string) {
    this.#path = join(folder, FOLDER, `${shortName(server, profile)}.json`);
  }

  /** Forgets all servers. */
  static forgetAll(folder: string): void {
    remove(join(folder, FOLDER));
  }

  read(): EraVerdict | undefined {
    try {
      const value: unknown = JSON.parse(readFileSync(this.#path, 'utf8'));
      if (!isObject(value) || value.schema !== 1 || typeof value.at !== 'number') return undefined;
      const { era, transport, at } = value;
      if (era !== 'legacy' && era !== 'modern') return undefined;
      return { era, ...((transport === 'http' || transport === 'sse') && { transport }), at };
    } catch {
      return undefined;
    }
  }

  forget(): void {
    remove(this.#path);
  }

  write(verdict: EraVerdict): void {
    // Not before the answer that has told it is on its way to the client.
    setImmediate(() => this.#write(verdict));
  }

  #write(verdict: EraVerdict): void {
    const temp = `${this.#path}.${process.pid}`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      writeFileSync(temp, `${JSON.stringify({ schema: 1, ...verdict })}\n`, { mode: 0o600 });
      renameSync(temp, this.#path);
    } catch {
      // The next start finds it out again, by one request more.
    }
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It stays as it is: what is in it is checked by each start that goes by it.
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
