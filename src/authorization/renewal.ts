import { connectionId } from '../credentials/ids.ts';
import type { StoredConnection } from '../credentials/record.ts';
import type { CredentialStore } from '../credentials/store.ts';
import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { OAuthHttp } from '../platform/oauth-http.ts';
import type { Settings } from '../settings.ts';
import { issuerNow } from './issuer-now.ts';
import { RefreshGrant } from './refresh-grant.ts';
import { loginCommand } from './sign-in/command.ts';
import { OAuthError } from './token-endpoint.ts';
import { type Refreshed, TokenRefresher } from './tokens.ts';

/** What an authorized connection needs of the network besides the server itself; loaded when that is so. */
export class Renewal {
  readonly #settings: Settings;
  readonly #store: CredentialStore;
  readonly #log: Logger;
  readonly #http: OAuthHttp;
  readonly #refresher: TokenRefresher;
  #hasLooked = false;

  constructor(settings: Settings, store: CredentialStore, log: Logger) {
    const { url, network, signIn } = settings;
    this.#settings = settings;
    this.#store = store;
    this.#log = log;
    this.#http = new OAuthHttp(url, network);
    const connection = connectionId(url.href, signIn.profile);
    this.#refresher = new TokenRefresher(store, new RefreshGrant(this.#http, signIn, log), connection, log);
  }

  /** As TokenRefresher.refresh. */
  async refresh(known: StoredConnection, refused: string | undefined): Promise<Refreshed> {
    const result = await this.#refresher.refresh(known, refused);
    if (result.kind !== 'failed' || !(result.error instanceof OAuthError) || result.error.isPassing)
      return result;
    // What waiting does not heal, a sign-in may.
    const { reason, message, details } = result.error;
    const text = `${message.replace(/\.$/, '')}; if this stays so, run: ${loginCommand(this.#settings)}`;
    return { kind: 'failed', error: new DrawbridgeError(reason, text, details, result.error) };
  }

  /** The issuer that the server names now; see issuerNow. @param metadataUrl `resource_metadata` of the challenge */
  issuerNow(metadataUrl: string | undefined, issuer: string): Promise<string> {
    return issuerNow(this.#http, this.#settings, metadataUrl, issuer, this.#log);
  }

  /**
   * Takes over a sign-in of mcp-remote's, where there is none of ours; looked for once, since it costs requests.
   *
   * @param metadataUrl `resource_metadata` of the challenge
   * @returns whether there are credentials in the store now
   */
  async adopt(metadataUrl: string | undefined): Promise<boolean> {
    if (this.#hasLooked) return false;
    this.#hasLooked = true;
    const { adoptMcpRemote } = await import('./sign-in/adopt-mcp-remote.ts');
    return adoptMcpRemote(this.#settings, this.#store, metadataUrl, this.#log, this.#http);
  }
}
