import * as oauth from 'oauth4webapi';
import { type FollowOptions, followSignIn } from './browsers.ts';

const insecure = { [oauth.allowInsecureRequests]: true };

/**
 * A plain public client that does every step by oauth4webapi, without a callback server: for trying out an
 * authorization server itself.
 */
export class OAuthClient {
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly #resource: string | undefined;
  static readonly redirectUri = 'http://127.0.0.1:9/callback';

  private constructor(server: oauth.AuthorizationServer, client: oauth.Client, resource: string | undefined) {
    this.server = server;
    this.client = client;
    this.#resource = resource;
  }

  /** Discovers the authorization server (RFC 8414) and registers there (RFC 7591). */
  static async register(issuer: string, resource?: string): Promise<OAuthClient> {
    const url = new URL(issuer);
    const found = await oauth.discoveryRequest(url, { ...insecure, algorithm: 'oauth2' });
    const server = await oauth.processDiscoveryResponse(url, found);
    const metadata = {
      client_name: 'test',
      application_type: 'native',
      redirect_uris: [OAuthClient.redirectUri],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    };
    const registered = await oauth.dynamicClientRegistrationRequest(server, metadata, insecure);
    const client = await oauth.processDynamicClientRegistrationResponse(registered);
    return new OAuthClient(server, client, resource);
  }

  /** Authorization code with PKCE S256, `state` and `iss`; pushed where the server requires that. */
  async signIn(
    scope?: string,
    options: Omit<FollowOptions, 'stopBeforeCallback'> = {},
  ): Promise<oauth.TokenEndpointResponse> {
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    let params = new URLSearchParams({
      client_id: this.client.client_id,
      response_type: 'code',
      redirect_uri: OAuthClient.redirectUri,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      ...this.#target,
      ...(scope !== undefined && { scope }),
    });
    if (this.server.require_pushed_authorization_requests) {
      const { server, client } = this;
      const pushed = await oauth.pushedAuthorizationRequest(server, client, oauth.None(), params, insecure);
      const { request_uri } = await oauth.processPushedAuthorizationResponse(server, client, pushed);
      params = new URLSearchParams({ client_id: client.client_id, request_uri });
    }
    const link = `${this.server.authorization_endpoint}?${params}`;
    const { callback, result } = await followSignIn(link, { ...options, stopBeforeCallback: true });
    if (callback === undefined) throw new Error(`no redirect: ${result?.status} ${result?.body}`);
    const answer = oauth.validateAuthResponse(this.server, this.client, new URL(callback), state);
    const response = await oauth.authorizationCodeGrantRequest(
      this.server,
      this.client,
      oauth.None(),
      answer,
      OAuthClient.redirectUri,
      verifier,
      { ...insecure, additionalParameters: this.#target },
    );
    return await oauth.processAuthorizationCodeResponse(this.server, this.client, response);
  }

  async refresh(token: string | undefined): Promise<oauth.TokenEndpointResponse> {
    const response = await oauth.refreshTokenGrantRequest(
      this.server,
      this.client,
      oauth.None(),
      token ?? '',
      { ...insecure, additionalParameters: this.#target },
    );
    return await oauth.processRefreshTokenResponse(this.server, this.client, response);
  }

  async revoke(token: string): Promise<void> {
    const response = await oauth.revocationRequest(this.server, this.client, oauth.None(), token, insecure);
    await oauth.processRevocationResponse(response);
  }

  get #target(): Record<string, string> {
    return this.#resource === undefined ? {} : { resource: this.#resource };
  }
}
