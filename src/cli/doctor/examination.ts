import type { BearerChallenge } from '../../authorization/challenge.ts';
import type { CredentialInUse } from '../../authorization/credential-in-use.ts';
import { Discovery } from '../../authorization/discovery.ts';
import type { AuthorizationServerMetadata, ProtectedResourceMetadata } from '../../authorization/metadata.ts';
import { loginCommand } from '../../authorization/sign-in/command.ts';
import type { StoredConnection } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import type { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { HttpClient } from '../../platform/http-client.ts';
import type { Settings } from '../../settings.ts';
import type { ServerAnswer } from './ask-server.ts';
import type { RemoteSession } from './remote-session.ts';
import { Trail } from './trail.ts';

/** What is known of a connection so far: each step reads what those before it have found, and adds to it. */
export class Examination {
  readonly settings: Settings;
  /** Of the credential store. */
  readonly folder: string;
  readonly log: Logger;
  /** Ends the examination between two steps. */
  readonly signal: AbortSignal;
  readonly trail: Trail;
  readonly discovery: Discovery;

  store: CredentialStore | undefined;
  /** Those of this connection, the latest first. */
  stored: StoredConnection[] = [];
  /** A request without a credential: what came of it, or why nothing did. */
  reached: ServerAnswer | DrawbridgeError | undefined;
  /** What the server wants, where it wants something. */
  challenge: BearerChallenge | undefined;
  /** Though it wants something, it lists its tools to everybody. */
  isListOpen = false;
  transport: 'http' | 'sse' | undefined;
  isModern = false;
  /** Whether an MCP server is there, whatever it wants. */
  isServed = false;
  hasTools = false;
  protectedResource: ProtectedResourceMetadata | undefined;
  authorizationServer: AuthorizationServerMetadata | undefined;
  scope: string | undefined;
  inUse: CredentialInUse | undefined;
  /** The Authorization value to try; undefined: none. */
  credential: string | undefined;
  session: RemoteSession | undefined;
  /** Resolves when a refresh that was begun is stored. */
  refreshing: Promise<unknown> | undefined;
  #client: HttpClient | undefined;

  constructor(settings: Settings, folder: string, log: Logger, signal: AbortSignal) {
    this.settings = settings;
    this.folder = folder;
    this.log = log;
    this.signal = signal;
    this.trail = new Trail(settings.url, settings.network);
    this.discovery = new Discovery(this.trail, settings.url);
  }

  now(): number {
    return Date.now();
  }

  /** @throws DrawbridgeError `usage` where a proxy variable is malformed */
  async client(): Promise<HttpClient> {
    this.#client ??= await HttpClient.create(this.settings.url, this.settings.network);
    return this.#client;
  }

  /** Path and query of the endpoint. */
  get path(): string {
    const { pathname, search } = this.settings.url;
    return pathname + search;
  }

  /** The user's own headers but for a credential. */
  get openHeaders(): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.settings.headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
    );
  }

  /** The option that takes the place of a sign-in; undefined where OAuth it is. */
  get fixedBy(): string | undefined {
    const { headers, tokenCommand } = this.settings;
    if (Object.keys(headers).some((name) => name.toLowerCase() === 'authorization'))
      return 'your Authorization header';
    return tokenCommand ? '--token-command' : undefined;
  }

  /** Whether what is stored last is a personal access token. */
  get isPersonal(): boolean {
    return this.stored[0]?.record.personalToken === true;
  }

  /** The command that signs in, for fixes. */
  get login(): string {
    return loginCommand(this.settings, this.isPersonal ? '--with-token' : undefined);
  }

  /** Whether there is, or will be, a sign-in, so that what it needs is worth looking at; else why not. */
  get noSignIn(): string | undefined {
    if (this.fixedBy !== undefined) return `${this.fixedBy} takes the place of a sign-in`;
    if (this.isPersonal) return 'a personal access token takes the place of a sign-in';
    if (this.challenge === undefined && this.stored.length === 0) return 'the server asks for no sign-in';
    return undefined;
  }
}
