import { idOf } from '../credentials/ids.ts';
import type { CredentialStore } from '../credentials/store.ts';
import { isObject } from '../jsonrpc.ts';
import { put } from './stored-credentials.ts';

/** After this an authorization server may have learned what it refused, in milliseconds. */
const HOLDS_FOR = 30 * 24 * 3_600_000;

/** What an authorization server has refused once, so that it is not asked for again. */
export interface Refusals {
  /** The resource indicator (DESIGN rule 10). */
  resource: boolean;
  /** The scope as it was asked for. */
  scope: string | undefined;
}

/** Remembers what an issuer refuses of requests for one MCP server. */
export class IssuerMemory {
  readonly #store: CredentialStore;
  readonly #id: string;

  constructor(store: CredentialStore, issuer: string, server: string) {
    this.#store = store;
    this.#id = idOf('issuer', issuer, server);
  }

  read(): Refusals {
    const value = this.#store.read<unknown>('issuer', this.#id)?.value;
    const isOf = isObject(value) && value.schema === 1 && Date.now() - Number(value.at) < HOLDS_FOR;
    if (!isOf) return { resource: false, scope: undefined };
    return {
      resource: value.resource === true,
      scope: typeof value.scope === 'string' ? value.scope : undefined,
    };
  }

  async forget(): Promise<void> {
    await this.#store.delete('issuer', this.#id);
  }

  async remember(refusals: Refusals): Promise<void> {
    await put(this.#store, 'issuer', this.#id, { schema: 1, at: Date.now(), ...refusals });
  }
}
