import type { ConnectionRecord } from '../../credentials/record.ts';
import type { Logger } from '../../logger.ts';
import type { OAuthHttp } from '../../platform/oauth-http.ts';
import type { SignInSettings } from '../../settings.ts';
import type { Binding } from '../binding.ts';
import { withProof } from '../client-authentication.ts';
import { KeptBindings, requestPatiently } from '../refresh-grant.ts';
import type { Obtained, Renewer } from '../tokens.ts';
import type { MachineGrant } from './grant.ts';

/** Gets tokens by the grant of a machine, the first and each later one alike: what it takes is in the record. */
export class MachineRenewer implements Renewer {
  readonly spends = false;
  readonly #grant: MachineGrant;
  readonly #http: OAuthHttp;
  readonly #signIn: SignInSettings;
  readonly #log: Logger;
  readonly #bindings = new KeptBindings();
  /** For tokens that are bound to no key yet. */
  readonly #binding: Binding | undefined;

  /** @param binding what first tokens may be bound to; undefined: nothing */
  constructor(
    grant: MachineGrant,
    http: OAuthHttp,
    signIn: SignInSettings,
    log: Logger,
    binding: Binding | undefined,
  ) {
    this.#grant = grant;
    this.#http = http;
    this.#signIn = signIn;
    this.#log = log;
    this.#binding = binding;
  }

  canRenew(): boolean {
    return true;
  }

  async request(record: ConnectionRecord): Promise<Obtained> {
    const { issuer, client, requestedScope: scope, resource } = record;
    const server = { issuer, tokenEndpoint: this.#signIn.tokenEndpoint ?? record.tokenEndpoint };
    const binding = (await this.#bindings.of(record)) ?? this.#binding;
    const proven = { ...withProof(client, this.#signIn, server), binding };
    const target = { http: this.#http, server, client: proven, scope, resource };
    const tokens = await requestPatiently(() => this.#grant.obtain(target), this.#log);
    // The grant itself is what renews: a refresh token would be one secret more, for nothing (RFC 6749 section 4.4.3).
    return { tokens: { ...tokens, refreshToken: undefined, idToken: undefined }, binding };
  }
}
