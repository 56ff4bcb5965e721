import { findOwnConnections } from '../../credentials/apart.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { IdentityProviderSettings, Settings } from '../../settings.ts';
import type { Authorizer, AuthorizerListener, Challenge, SignIn } from '../authorizer.ts';
import { jwtExpiry } from '../jwt.ts';
import { OAuthAuthorizer } from '../oauth-authorizer.ts';
import { loginCommand } from '../sign-in/command.ts';
import type { IdTokens } from './id-tokens.ts';

/** An ID token this close to its end is not handed in any more, in milliseconds. */
const MARGIN = 1_000;

/**
 * The settings of the sign-in at the identity provider: a connection like any other, whose server is the issuer itself,
 * so that one sign-in serves all MCP servers of a profile. What it is used for is its ID token.
 */
export function identityProviderSettings(settings: Settings): Settings {
  const { issuer, clientId, clientSecret } = settings.signIn.identityProvider as IdentityProviderSettings;
  return {
    ...settings,
    url: new URL(issuer as string),
    headers: {},
    headerLines: [],
    tokenCommand: undefined,
    behalf: settings,
    signIn: {
      ...settings.signIn,
      // Those of the server are asked for with the assertion.
      scope: undefined,
      resource: null,
      clientId,
      clientSecret,
      clientKey: undefined,
      clientAuthMethod: undefined,
      clientMetadataUrl: undefined,
      issuer,
      grant: 'user',
      tokenEndpoint: undefined,
      workloadToken: undefined,
      identityProvider: undefined,
      useIdToken: true,
      dpop: 'off',
    },
  };
}

/**
 * The user at the company's identity provider: its window, its refresh and its record are those of an OAuthAuthorizer.
 * The MCP server's own challenges mean no more here than that an ID token is wanted.
 */
export class IdentityProviderUser implements Authorizer, IdTokens {
  readonly #settings: Settings;
  readonly #store: CredentialStore;
  readonly #inner: OAuthAuthorizer;
  readonly #command: string;
  /** The ID token that was handed in last; as the authorizer has it, with its scheme. */
  #used: string | undefined;

  /**
   * @param settings those of the MCP server's connection
   * @param folder where `store` is, for the process that signs in
   * @throws DrawbridgeError `credential-store`
   */
  constructor(settings: Settings, folder: string, store: CredentialStore, log: Logger) {
    this.#settings = identityProviderSettings(settings);
    this.#store = store;
    this.#command = loginCommand(this.#settings);
    this.#inner = new OAuthAuthorizer(this.#settings, folder, store, log);
  }

  // ---- the ID token ----------------------------------------------------------------------------------------------

  /** @throws DrawbridgeError `sign-in-needed` where there is none, or it has ended and nothing renews it */
  async idToken(): Promise<string> {
    const value = await this.#inner.credential();
    this.#used = value;
    const token = value?.replace(/^Bearer /, '');
    if (token === undefined || this.#endOf(token) - MARGIN <= Date.now()) throw this.#needed();
    return token;
  }

  accepted(): void {
    this.#inner.accepted(this.#used);
  }

  /** Without the user, who has not been asked whether that is what he wants. */
  async renewed(refusal: DrawbridgeError): Promise<string | undefined> {
    const couldRenew = this.#canRenew;
    const failure = await this.#challenge(refusal, false);
    if (!failure) return this.idToken();
    // What passes by is told; that nothing else can be done is no news.
    if (failure.exitCode !== refusal.exitCode) throw failure;
    // The session there is over, and that is why.
    if (couldRenew && !this.#canRenew) throw this.#needed();
    return undefined;
  }

  /** By our own clock where the record tells. */
  #endOf(token: string): number {
    const record = this.#record;
    const end = record?.idToken === token ? record.expiresAt : jwtExpiry(token);
    return end ?? Number.POSITIVE_INFINITY;
  }

  get #canRenew(): boolean {
    return this.#record?.refreshToken !== undefined;
  }

  get #record(): ConnectionRecord | undefined {
    const { url, signIn } = this.#settings;
    return findOwnConnections(this.#store, url.href, signIn)[0]?.record;
  }

  #needed(): DrawbridgeError {
    const server = this.#settings.behalf?.url.host;
    return new DrawbridgeError(
      'sign-in-needed',
      `${server} needs you to sign in at ${this.#settings.url.host}; run: ${this.#command}`,
    );
  }

  #challenge(error: DrawbridgeError, mayAskUser: boolean): Promise<DrawbridgeError | undefined> {
    return this.#inner.challenged({ status: 401, header: undefined, error, used: this.#used, mayAskUser });
  }

  // ---- the sign-in -----------------------------------------------------------------------------------------------

  credential(): string | undefined | Promise<string | undefined> {
    return this.#inner.credential();
  }

  /** @param challenge of the MCP server: nothing of what it names goes to the identity provider */
  challenged({ error, mayAskUser }: Challenge): Promise<DrawbridgeError | undefined> {
    return this.#challenge(error, mayAskUser);
  }

  get signIn(): SignIn | undefined {
    return this.#inner.signIn;
  }

  beginSignIn(): SignIn {
    return this.#inner.beginSignIn();
  }

  get clientOpensLinks(): boolean {
    return this.#inner.clientOpensLinks;
  }

  set clientOpensLinks(value: boolean) {
    this.#inner.clientOpensLinks = value;
  }

  get listener(): AuthorizerListener | undefined {
    return this.#inner.listener;
  }

  set listener(value: AuthorizerListener | undefined) {
    this.#inner.listener = value;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
