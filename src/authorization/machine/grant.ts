import type { ConnectionRecord } from '../../credentials/record.ts';
import type { OAuthHttp } from '../../platform/oauth-http.ts';
import type { Authorizer } from '../authorizer.ts';
import type { AuthorizationServerMetadata } from '../metadata.ts';
import type { TokenClient, TokenSet } from '../token-endpoint.ts';

/** How long a token request of a machine's may take, in milliseconds. */
export const GRANT_TIMEOUT = 20_000;

/** What a token is asked for, and where. It is the same at the first request and at each renewal. */
export interface GrantTarget {
  http: OAuthHttp;
  /** Renewals are made without discovery: no more than this is known then. */
  server: Pick<AuthorizationServerMetadata, 'issuer' | 'tokenEndpoint'>;
  /** Who asks, with what proves it. */
  client: TokenClient;
  /** Undefined sends none. */
  scope: string | undefined;
  /** The resource indicator (RFC 8707); null sends none. */
  resource: string | null;
}

/** A way to a token without the user, or without one at the server's own authorization server. */
export interface MachineGrant {
  /** What the record says of its tokens. */
  readonly kind: NonNullable<ConnectionRecord['grant']>;
  /** Why an authorization server can't be asked, from its metadata; undefined: it can, or nothing is known. */
  refuses?(server: AuthorizationServerMetadata): string | undefined;
  /**
   * Asks for a token; called with the record's lock held, and never twice at the same time for a connection.
   *
   * @throws OAuthError, NoAnswer, or DrawbridgeError; `sign-in-needed` where `user` has to sign in first
   */
  obtain(target: GrantTarget): Promise<TokenSet>;
  /**
   * The user's part, where there is one: the sign-in at the identity provider, which is a connection of its own. A
   * challenge is handed to it where `obtain` has said `sign-in-needed`.
   */
  readonly user?: Authorizer | undefined;
  /** The issuer that `user` signs in at, for the record. */
  readonly identityProvider?: string | undefined;
}
