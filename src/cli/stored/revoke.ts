import { deleteRegistration, type Revocation, revokeTokens } from '../../authorization/revocation.ts';
import type { UnusedRegistration } from '../../authorization/unused-registrations.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import { OAuthHttp } from '../../platform/oauth-http.ts';
import type { NetworkSettings } from '../../settings.ts';

/** For everything that is asked of authorization servers, in milliseconds: nobody waits longer to be signed out. */
const PATIENCE = 10_000;
/** With less time left there is no point in asking, in milliseconds. */
const LEAST = 250;

/** Asks authorization servers to undo what was stored; all of it together takes 10 s at most. */
export class Revoker {
  readonly #network: NetworkSettings;
  readonly #end = performance.now() + PATIENCE;

  constructor(network: NetworkSettings) {
    this.#network = network;
  }

  revoke(record: ConnectionRecord): Promise<Revocation> {
    return revokeTokens(this.#http(new URL(record.server)), record, this.#left);
  }

  /** @returns whether the client is gone */
  async unregister({ record, server }: UnusedRegistration): Promise<boolean> {
    return this.#left > LEAST && deleteRegistration(this.#http(server), record, server, this.#left);
  }

  get #left(): number {
    return Math.max(this.#end - performance.now(), 1);
  }

  #http(server: URL): OAuthHttp {
    return new OAuthHttp(server, this.#network);
  }
}
