import { isDeepStrictEqual } from 'node:util';
import { idOf } from '../credentials/ids.ts';
import type { CredentialStore } from '../credentials/store.ts';
import { asDrawbridgeError } from '../errors.ts';
import { isObject } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import type { RememberedServer, ServerMemory } from './server-memory.ts';

/** Larger answers to `initialize` are not remembered, in characters. */
const MAX_SIZE = 64 * 1024;

/** A server's answer to `initialize` in the credential store, sealed like all else there. */
export class StoredServerMemory implements ServerMemory {
  readonly #store: CredentialStore;
  readonly #id: string;
  readonly #log: Logger;

  constructor(store: CredentialStore, server: string, profile: string, log: Logger) {
    this.#store = store;
    this.#id = idOf('memory', server, profile);
    this.#log = log;
  }

  read(): RememberedServer | undefined {
    try {
      const value = this.#store.read<unknown>('memory', this.#id)?.value;
      return isObject(value) && value.schema === 1 && isObject(value.initialize)
        ? value.initialize
        : undefined;
    } catch (error) {
      this.#log.debug('server memory not read', { reason: asDrawbridgeError(error).reason });
      return undefined;
    }
  }

  remember(result: RememberedServer): void {
    if (isDeepStrictEqual(this.read(), result) || JSON.stringify(result).length > MAX_SIZE) return;
    this.#write(result).catch((error: unknown) =>
      this.#log.debug('server memory not written', { reason: asDrawbridgeError(error).reason }),
    );
  }

  async forget(): Promise<void> {
    await this.#store.delete('memory', this.#id);
  }

  async #write(result: RememberedServer): Promise<void> {
    const generation = this.#store.read('memory', this.#id)?.generation ?? 0;
    // Another bridge of this server may be quicker; it has heard the same.
    await this.#store.write('memory', this.#id, { schema: 1, initialize: result }, generation);
  }
}
