import { type ChildProcess, fork } from 'node:child_process';
import { generateKeyPairSync, verify } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import { bridgeEnvironment } from './bridge-command.ts';
import { freePort } from './free-port.ts';
import { closedAtTestEnd } from './lifetime.ts';
import type { Certificate } from './tls.ts';
import { until, within } from './wait.ts';

export interface OidcServerOptions {
  /** The path of the issuer, none by default. */
  path?: string;
  tls?: Certificate;
  /** Seconds that an access token lives, 3600 by default. */
  accessTokenTtl?: number;
  /** The resources that it knows; any other is `invalid_target`. All are known by default. */
  resources?: string[];
  scopes?: string[];
  par?: 'off' | 'optional' | 'required';
  /** Dynamic client registration, on by default. */
  registration?: boolean;
  /** Registrations can be read, changed and deleted (RFC 7592), off by default. */
  registrationManagement?: boolean;
  /** Clients that are registered from the start, in the names of RFC 7591. */
  clients?: Record<string, unknown>[];
  dpop?: boolean;
  /** Proofs need a nonce of its own (RFC 9449 section 8), off by default. */
  dpopNonces?: boolean;
  /** The client credentials grant (RFC 6749 section 4.4), off by default. */
  machines?: boolean;
  /** The device grant (RFC 8628), off by default. */
  device?: boolean;
  /** Seconds that an ID token lives, 3600 by default. */
  idTokenTtl?: number;
  /** It exchanges ID tokens for ID-JAGs: the client that ours is known as, by the issuer of the other server. */
  exchanges?: Record<string, string>;
  /** The issuer of the identity provider whose ID-JAGs it takes. */
  trusts?: string;
}

/** What has happened at the server: `event` is one of `registration`, `interaction`, `authorization`, `grant`, … */
export interface OidcEvent {
  event: string;
  clientId?: string;
  grant?: string;
  grantType?: string;
  resource?: string;
  scope?: string;
  error?: string;
  description?: string;
  /** Of an interaction: `login` or `consent`. */
  name?: string;
  path?: string;
  /** Of `exchange`, `id-jag` and `assertion`: what came and what was given. */
  audience?: string;
  subjectToken?: string;
  assertion?: string;
  accessToken?: string;
}

interface Reply {
  id?: number;
  value?: unknown;
  failed?: string;
}

const file = fileURLToPath(new URL('oidc-provider.mjs', import.meta.url));

/** oidc-provider, a certified authorization server, in a process of its own for the running test. */
export async function startOidcServer(options: OidcServerOptions = {}): Promise<OidcServer> {
  const server = new OidcServer(options, await freePort());
  closedAtTestEnd(server);
  await server.start();
  return server;
}

/**
 * Dynamic registration, PKCE required, resource indicators, `iss`, revocation, JWT access tokens, and refresh tokens
 * that are rotated: a second use of one revokes its grant. People sign in by its own forms (`browsers.ts`).
 */
export class OidcServer {
  readonly issuer: string;
  readonly events: OidcEvent[] = [];
  readonly #settings: Record<string, unknown>;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #revoked = new Set<string>();
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly #killNow = () => void this.#child?.kill('SIGKILL');
  #child: ChildProcess | undefined;
  #nextId = 0;
  #output = '';

  constructor(options: OidcServerOptions, port: number) {
    this.issuer = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}${options.path ?? ''}`;
    this.#settings = {
      issuer: this.issuer,
      port,
      accessTokenTtl: options.accessTokenTtl ?? 3600,
      resources: options.resources,
      scopes: options.scopes ?? ['openid', 'offline_access', 'mcp:tools', 'mcp:admin'],
      par: options.par ?? 'optional',
      registration: options.registration ?? true,
      registrationManagement: options.registrationManagement ?? false,
      clients: options.clients ?? [],
      dpop: options.dpop ?? false,
      dpopNonces: options.dpopNonces ?? false,
      device: options.device ?? false,
      machines: options.machines ?? false,
      idTokenTtl: options.idTokenTtl ?? 3600,
      exchanges: options.exchanges,
      trusts: options.trusts,
      tls: options.tls,
      key: { ...this.#keys.privateKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'RS256' },
    };
  }

  async start(): Promise<void> {
    process.once('exit', this.#killNow);
    const child = fork(file, [JSON.stringify(this.#settings)], {
      env: bridgeEnvironment(),
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    child.on('message', (message: Reply & OidcEvent) => this.#receive(message));
    child.on('error', () => {});
    await until(
      'the authorization server',
      () => {
        if (child.exitCode !== null) throw new Error(`oidc-provider has ended: ${this.#output.slice(-2000)}`);
        return this.events.some(({ event }) => event === 'listening');
      },
      20_000,
    );
  }

  async close(): Promise<void> {
    process.off('exit', this.#killNow);
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await within(exit, 5000, () => 'oidc-provider survived SIGKILL');
  }

  of(event: string): OidcEvent[] {
    return this.events.filter((one) => one.event === event);
  }

  /** Clients registered so far. */
  get registrations(): number {
    return this.of('registration').length;
  }

  /** Authorization requests that ended with a code. */
  get authorizations(): number {
    return this.of('authorization').length;
  }

  /** Token requests that were granted, all or those of one grant type. */
  grants(type?: string): number {
    return this.of('grant').filter(({ grantType }) => type === undefined || grantType === type).length;
  }

  /** Grants revoked because a spent refresh token or code came again. */
  get reuses(): number {
    return this.of('grant.revoked').filter(({ grantType }) => grantType !== undefined).length;
  }

  /** What it has refused, and failures of its own. */
  get refusals(): OidcEvent[] {
    return this.events.filter(({ event }) => event.endsWith('error'));
  }

  /** From the next access token on. */
  async setAccessTokenTtl(seconds: number): Promise<void> {
    await this.#command('setAccessTokenTtl', seconds);
  }

  async setResources(resources: string[] | undefined): Promise<void> {
    await this.#command('setResources', resources);
  }

  async setExchanges(table: Record<string, string>): Promise<void> {
    await this.#command('setExchanges', table);
  }

  /** Refuses every token exchange with this error from now on; undefined allows them again. */
  async setPolicy(error: string | undefined): Promise<void> {
    await this.#command('setPolicy', error);
  }

  /** Changes members of what a token exchange is answered with from now on. */
  async setExchangeAnswer(changes: Record<string, unknown>): Promise<void> {
    await this.#command('setExchangeAnswer', changes);
  }

  /** Revokes every grant, as a person does in the settings of the service. */
  async revokeGrants(): Promise<void> {
    for (const grant of (await this.#command('revokeGrants')) as string[]) this.#revoked.add(grant);
  }

  /** Forgets every client that has registered. */
  async forgetClients(): Promise<void> {
    for (const { clientId } of this.of('registration')) await this.#command('forgetClient', clientId);
  }

  /**
   * The claims of an access token that is good for this resource at this moment, else undefined: what a resource
   * server has to check.
   */
  async verify(token: string, resource: string): Promise<JWTPayload | undefined> {
    try {
      const wanted = { issuer: this.issuer, audience: resource };
      const { payload } = await jwtVerify(token, this.#keys.publicKey, wanted);
      return this.#revoked.has(String(payload.grant)) ? undefined : payload;
    } catch {
      return undefined;
    }
  }

  /** As `verify`, at once, for a resource server that can't wait. */
  verifyNow(token: string, resource: string): boolean {
    const [header, body = '', signature = ''] = token.split('.');
    const signed = Buffer.from(`${header}.${body}`);
    if (!verify('RSA-SHA256', signed, this.#keys.publicKey, Buffer.from(signature, 'base64url')))
      return false;
    const { iss, aud, exp } = decodeJwt(token);
    return iss === this.issuer && aud === resource && Number(exp) * 1000 > Date.now();
  }

  #receive(message: Reply & OidcEvent): void {
    if (message.id === undefined) {
      if (message.event === 'grant.revoked' && message.grant) this.#revoked.add(message.grant);
      this.events.push(message);
    } else {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    }
  }

  async #command(command: string, argument?: unknown): Promise<unknown> {
    const id = this.#nextId++;
    const replied = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    this.#child?.send({ id, command, argument });
    const reply = await within(replied, 5000, () => `no answer to ${command}: ${this.#output.slice(-2000)}`);
    if (reply.failed !== undefined) throw new Error(reply.failed);
    return reply.value;
  }
}
