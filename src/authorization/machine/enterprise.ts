import { type ClientIdentity, findConnections } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { DrawbridgeError, displayText } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { OAuthHttp } from '../../platform/oauth-http.ts';
import type { IdentityProviderSettings, Settings } from '../../settings.ts';
import { Discovery } from '../discovery.ts';
import { requestByAssertion } from '../grants/jwt-bearer.ts';
import { exchangeForIdJag } from '../grants/token-exchange.ts';
import { chooseAuthMethod } from '../registration.ts';
import { OAuthError, type TokenSet } from '../token-endpoint.ts';
import { GRANT_TIMEOUT, type GrantTarget, type MachineGrant } from './grant.ts';
import { IdTokenFile, type IdTokens } from './id-tokens.ts';
import { IdentityProviderUser } from './identity-provider.ts';

/** Where tokens are exchanged at the identity provider, and as whom. */
interface Exchange {
  tokenEndpoint: string;
  client: ClientIdentity;
}

/**
 * Enterprise-managed authorization (SEP-990): an ID token of the company's identity provider is exchanged there for an
 * assertion about the user (ID-JAG), and that at the server's authorization server for a token. Each token takes a new
 * assertion, which is neither kept nor shown. What the identity provider refuses is refused: the user is never sent to
 * the server's own authorization server instead.
 */
export class EnterpriseGrant implements MachineGrant {
  readonly kind = 'enterprise';
  /** The sign-in at the identity provider; undefined where the ID token comes from a file. */
  readonly user: IdentityProviderUser | undefined;
  readonly identityProvider: string | undefined;
  readonly #settings: Settings;
  readonly #identityProvider: IdentityProviderSettings;
  readonly #store: CredentialStore;
  readonly #idTokens: IdTokens;
  readonly #http: OAuthHttp;
  readonly #host: string;
  #exchange: Exchange | undefined;

  /**
   * @param settings with `signIn.identityProvider`
   * @param folder where `store` is, for the process that signs in
   * @throws DrawbridgeError `credential-store`
   */
  constructor(settings: Settings, folder: string, store: CredentialStore, log: Logger) {
    const identityProvider = settings.signIn.identityProvider as IdentityProviderSettings;
    const { issuer, tokenEndpoint, idTokenFile, clientSecret } = identityProvider;
    this.#settings = settings;
    this.#identityProvider = identityProvider;
    this.#store = store;
    if (clientSecret !== undefined) log.protect(clientSecret);
    if (idTokenFile === undefined) {
      this.user = new IdentityProviderUser(settings, folder, store, log);
      this.identityProvider = issuer;
    }
    this.#idTokens = this.user ?? new IdTokenFile(idTokenFile as string, log);
    // The user has named it: it may be where the MCP server may not send us.
    const named = new URL((issuer ?? tokenEndpoint) as string);
    this.#http = new OAuthHttp(named, settings.network);
    this.#host = named.host;
  }

  async obtain(target: GrantTarget): Promise<TokenSet> {
    const assertion = await this.#assertion(target);
    const { http, server, client, scope, resource } = target;
    return requestByAssertion(http, server, client, assertion, { scope, resource }, GRANT_TIMEOUT);
  }

  async #assertion(target: GrantTarget): Promise<string> {
    const idToken = await this.#idTokens.idToken();
    try {
      return await this.#ask(target, idToken);
    } catch (error) {
      if (!(error instanceof OAuthError) || error.isPassing) throw error;
      const refusal = this.#refusalOf(error);
      // Another ID token may help where this one was not taken; against the company's rules none does.
      const another = error.code === 'invalid_grant' ? await this.#idTokens.renewed(refusal) : undefined;
      if (another === undefined) throw refusal;
      return this.#ask(target, another).catch((second: unknown) => {
        throw second instanceof OAuthError && !second.isPassing ? this.#refusalOf(second) : second;
      });
    }
  }

  async #ask({ server, resource, scope }: GrantTarget, idToken: string): Promise<string> {
    this.#exchange ??= await this.#findExchange();
    const { tokenEndpoint, client } = this.#exchange;
    const terms = { idToken, audience: server.issuer, resource, scope };
    const assertion = await exchangeForIdJag(this.#http, tokenEndpoint, client, terms, GRANT_TIMEOUT);
    this.#idTokens.accepted();
    return assertion;
  }

  /** By the option, else as the sign-in has found it, else by the metadata. */
  async #findExchange(): Promise<Exchange> {
    const { issuer, tokenEndpoint, clientId, clientSecret } = this.#identityProvider;
    const client = (offered: readonly string[] | undefined): ClientIdentity => ({
      id: clientId,
      source: 'configured',
      authMethod: clientSecret === undefined ? 'none' : chooseAuthMethod(offered, true),
      ...(clientSecret !== undefined && { secret: clientSecret }),
    });
    if (tokenEndpoint !== undefined) return { tokenEndpoint, client: client(undefined) };
    const url = new URL(issuer as string);
    const known = findConnections(this.#store, url.href, this.#settings.signIn.profile).find(
      ({ record }) => record.issuer === issuer && record.client.id === clientId,
    )?.record;
    if (known) return { tokenEndpoint: known.tokenEndpoint, client: client([known.client.authMethod]) };
    const metadata = await new Discovery(this.#http, url).authorizationServer(issuer as string);
    return { tokenEndpoint: metadata.tokenEndpoint, client: client(metadata.tokenEndpointAuthMethods) };
  }

  /** No OAuthError any more: who deals with those would take it for one of the server's authorization server. */
  #refusalOf({ code, description, status }: OAuthError): DrawbridgeError {
    const said = `${code || `HTTP ${status}`}${description && ` (${displayText(description)})`}`;
    const { host } = this.#settings.url;
    if (code === 'invalid_client' || code === 'unauthorized_client')
      return new DrawbridgeError(
        'sign-in-refused',
        `${this.#host} does not let this client ask for access to ${host}: ${said}; see --idp-client-id and --idp-client-secret, or ask your administrator.`,
        { status },
      );
    if (code === 'unsupported_grant_type' || code === '')
      return new DrawbridgeError(
        'authorization-server',
        `${this.#host} does not exchange ID tokens for access to ${host}: ${said}; it may not offer enterprise-managed authorization (ID-JAG), or elsewhere (--idp-token-endpoint).`,
        { status },
      );
    return new DrawbridgeError(
      'sign-in-refused',
      `Your identity provider, ${this.#host}, does not allow you to use ${host}: ${said}; ask your administrator.`,
      { status },
    );
  }
}
