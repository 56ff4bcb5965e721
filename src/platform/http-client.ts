import type {
  Agent,
  ClientRequest,
  IncomingHttpHeaders,
  IncomingMessage,
  RequestOptions,
  request,
} from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { MessageText } from '../byte-text.ts';
import { DrawbridgeError } from '../errors.ts';
import type { NetworkSettings } from '../settings.ts';
import type { Cookies } from './cookies.ts';
import { networkError } from './network-errors.ts';

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_REDIRECTS = 3;
/** After this silence the operating system probes the connection, so that a dead one is found within a minute. */
const TCP_PROBE_AFTER = 30_000;

const connectFailures = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

export type Headers = Record<string, string>;

/** Signs the requests of one exchange: each that goes onto the wire by itself, redirects and repetitions included. */
export interface RequestSigner {
  /** The headers that this request has in addition. @param url without query and fragment */
  headers(method: string, url: string): Headers;
  /** Looks at an answer. @returns whether the same request is to be sent again, with another signature */
  repeats(status: number, headers: IncomingHttpHeaders): boolean;
}

/**
 * Requests to one origin, the MCP server's. It can't send anywhere else, so neither can a header or a cookie.
 * Built on node:http: `fetch` costs 15 ms more at the start and three times the processor time for each call.
 */
export class HttpClient {
  readonly #base: RequestOptions;
  readonly #send: typeof request;
  readonly #settings: NetworkSettings;
  readonly #url: URL;
  readonly #proxyName: string | undefined;
  #cookies: Cookies | undefined;

  private constructor(url: URL, settings: NetworkSettings, transport: Transport) {
    this.#url = url;
    this.#settings = settings;
    this.#send = transport.request;
    this.#proxyName = transport.proxyName;
    this.#base = {
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      agent: transport.agent,
      maxHeaderSize: MAX_HEADER_BYTES,
      ...(settings.ipv4Only && { family: 4 }),
      ...transport.tls,
    };
  }

  /** @throws DrawbridgeError `usage` where a proxy variable is malformed */
  static async create(url: URL, settings: NetworkSettings): Promise<HttpClient> {
    return new HttpClient(url, settings, await openTransport(url, settings));
  }

  /** The origin and path, as they may be shown: a query can hold a key. */
  get target(): string {
    return this.#url.origin + this.#url.pathname;
  }

  /**
   * Sends a request; redirects 307 and 308 on the same origin are followed, at most three, with body and headers.
   *
   * @param path path and query on the client's origin
   */
  exchange(
    method: string,
    path: string,
    headers: Headers,
    body?: MessageText,
    signer?: RequestSigner,
  ): Exchange {
    return new Exchange(this, method, path, headers, body, signer);
  }

  /** @internal one request on the wire, for Exchange; `onConnected` is called when its connection stands */
  open(method: string, path: string, headers: Headers, onConnected: () => void): ClientRequest {
    const cookie = this.#cookies?.header(path);
    const request = this.#send({
      ...this.#base,
      method,
      path,
      headers: cookie ? { ...headers, cookie: joinCookies(headers, cookie) } : headers,
    });
    let timer: NodeJS.Timeout | undefined;
    const limitConnecting = (): void => {
      timer ??= setTimeout(() => {
        const waited = `${this.#settings.connectTimeout / 1000} s`;
        request.destroy(this.#unreachable(`it did not accept the connection within ${waited}`));
      }, this.#settings.connectTimeout);
    };
    const connected = (): void => {
      clearTimeout(timer);
      onConnected();
    };
    // A proxy's agent has no socket to show before the proxy has connected it.
    if (this.#proxyName !== undefined) limitConnecting();
    request.once('socket', (socket: Socket) => {
      const isSecuring = 'secureConnecting' in socket && socket.secureConnecting === true;
      if (!socket.connecting && !isSecuring) return connected();
      limitConnecting();
      socket.setKeepAlive(true, TCP_PROBE_AFTER);
      socket.once(this.#base.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
    });
    request.once('close', () => clearTimeout(timer));
    return request;
  }

  /** @internal */
  redirected(from: string, response: IncomingMessage, hops: number): string {
    const { statusCode: status, headers } = response;
    const location = headers.location ?? '';
    const base = new URL(from, this.#url);
    const to = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
    if ((status === 307 || status === 308) && to?.origin === this.#url.origin && hops < MAX_REDIRECTS) {
      return to.pathname + to.search;
    }
    const where =
      to === undefined ? 'nowhere' : to.origin === this.#url.origin ? to.origin + to.pathname : to.origin;
    const why = hops >= MAX_REDIRECTS ? 'more than three times' : `with status ${status}`;
    throw new DrawbridgeError(
      'redirect-refused',
      `${this.target} redirects ${why} to ${where}; if you trust that address, put it into the configuration.`,
      { status: status ?? 0, url: this.target },
    );
  }

  /** @internal the headers of one request on the wire */
  signed(method: string, path: string, headers: Headers, signer: RequestSigner): Headers {
    const end = path.search(/[?#]/);
    const url = this.#url.origin + (end < 0 ? path : path.slice(0, end));
    return { ...headers, ...signer.headers(method, url) };
  }

  /** @internal takes note of cookies; resolves at once where there are none */
  async storeCookies(lines: string[] | undefined): Promise<void> {
    if (!lines || !this.#settings.cookies) return;
    this.#cookies ??= new (await import('./cookies.ts')).Cookies(this.#url);
    this.#cookies.store(lines);
  }

  /** @internal */
  failure(error: unknown): DrawbridgeError {
    const { code } = (error ?? {}) as NodeJS.ErrnoException;
    // With a proxy, only that is connected to and looked up.
    if (this.#proxyName === undefined || !connectFailures.has(code ?? ''))
      return networkError(error, this.target);
    const { message } = networkError(error, `the proxy ${this.#proxyName}`);
    return new DrawbridgeError('proxy-failed', message, { url: this.target }, error);
  }

  /** @internal */
  get hasProxy(): boolean {
    return this.#proxyName !== undefined;
  }

  /** @internal the proxy refused to connect us, e.g. 407 */
  proxyFailure(status: number): DrawbridgeError {
    const why =
      status === 407 ? 'it wants a user name and password (http://user:password@host:port)' : 'it refused';
    return new DrawbridgeError(
      'proxy-failed',
      `Can't reach ${this.target} through the proxy ${this.#proxyName}: ${why}, status ${status}.`,
      { status, url: this.target },
    );
  }

  #unreachable(why: string): DrawbridgeError {
    return new DrawbridgeError('unreachable', `Can't reach ${this.target}: ${why}.`, { url: this.target });
  }
}

/** One request and its answer, redirects included. */
export class Exchange {
  /** The answer, its body not yet read. Rejects with a DrawbridgeError. */
  readonly response: Promise<IncomingMessage>;
  /** Whether bytes may have reached the server: what was not sent can't have run. */
  sent = false;
  #request!: ClientRequest;
  #aborted: Error | undefined;

  /** @internal made by HttpClient.exchange */
  constructor(
    client: HttpClient,
    method: string,
    path: string,
    headers: Headers,
    body: MessageText | undefined,
    signer: RequestSigner | undefined,
  ) {
    this.response = new Promise((resolve, reject) => {
      const start = (at: string, hops: number): void => {
        this.sent = false;
        const own = signer ? client.signed(method, at, headers, signer) : headers;
        const request = client.open(method, at, own, () => {
          this.sent = true;
        });
        this.#request = request;
        if (this.#aborted) request.destroy(this.#aborted);
        // Only a tunnel has a status of its own; a proxy for plain http answers in the remote's place.
        request.once('proxyConnect', ({ statusCode = 200 }: { statusCode?: number }) => {
          if (statusCode !== 200) request.destroy(client.proxyFailure(statusCode));
        });
        // Kept for the request's whole life: destroying it later may emit once more.
        request.on('error', (error) => reject(client.failure(this.#aborted ?? error)));
        request.once('response', async (response: IncomingMessage) => {
          try {
            const { statusCode = 0 } = response;
            if (statusCode === 407 && client.hasProxy) throw client.proxyFailure(statusCode);
            if (statusCode >= 300 && statusCode < 400 && statusCode !== 304) {
              response.resume();
              return start(client.redirected(at, response, hops), hops + 1);
            }
            const cookies = response.headers['set-cookie'];
            if (cookies) await client.storeCookies(cookies);
            if (signer?.repeats(statusCode, response.headers)) {
              response.resume();
              return start(at, hops);
            }
            resolve(response);
          } catch (error) {
            request.destroy();
            reject(error);
          }
        });
        if (body === undefined || typeof body === 'string') return void request.end(body);
        request.setHeader('Content-Length', body.length);
        for (const piece of body.pieces) request.write(piece);
        request.end();
      };
      start(path, 0);
    });
  }

  /** Ends the exchange; a response that is still awaited rejects with `error`. */
  abort(error: Error): void {
    this.#aborted = error;
    this.#request.destroy(error);
  }
}

export interface Transport {
  request: typeof request;
  agent: Agent;
  tls: ConnectionOptions;
  proxyName?: string;
}

/**
 * How requests to the origin of a URL are sent: by which module, agent and TLS options, directly or through a proxy.
 *
 * @throws DrawbridgeError `usage` where a proxy variable is malformed
 */
export async function openTransport(url: URL, settings: NetworkSettings): Promise<Transport> {
  const agentOptions = {
    keepAlive: settings.keepAlive > 0,
    keepAliveMsecs: TCP_PROBE_AFTER,
    // The idle limit; an answer that is being waited for is not touched by it.
    ...(settings.keepAlive > 0 && { timeout: settings.keepAlive }),
    // The socket used last is the one that the server is least likely to have closed by now.
    scheduling: 'lifo',
  } as const;
  const secure = url.protocol === 'https:';
  const tls = secure ? await tlsOptions(settings) : {};
  // Here, or commands that send nothing would load it as well, which is a tenth of what they take.
  const { request, Agent } = await (secure ? import('node:https') : import('node:http'));
  const { env } = settings;
  if (
    env.HTTPS_PROXY ||
    env.https_proxy ||
    env.HTTP_PROXY ||
    env.http_proxy ||
    env.ALL_PROXY ||
    env.all_proxy
  ) {
    const proxy = (await import('./proxy.ts')).findProxy(url, {
      ...agentOptions,
      ...tls,
      ...(settings.ipv4Only && { family: 4 }),
    });
    if (proxy)
      return { request, agent: proxy.agent, tls: await checkedName(url, tls), proxyName: proxy.name };
  }
  return { request, agent: new Agent(agentOptions), tls };
}

async function tlsOptions(settings: NetworkSettings): Promise<ConnectionOptions> {
  const base = { minVersion: 'TLSv1.2' } as const;
  if (!settings.ca) return base;
  // Node takes `ca` in place of its own list, not in addition; before 22.15 NODE_EXTRA_CA_CERTS has to be read again.
  const tls = await import('node:tls');
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => string[] };
  const defaults = getCACertificates?.('default') ?? [
    ...tls.rootCertificates,
    ...(await readExtraCertificates(settings.env)),
  ];
  return { ...base, ca: [...defaults, settings.ca] };
}

/** Through a proxy the library forgets a host that is an address, and Node would check for another name. */
async function checkedName(url: URL, tls: ConnectionOptions): Promise<ConnectionOptions> {
  if (url.protocol !== 'https:') return tls;
  const { checkServerIdentity } = await import('node:tls');
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  return { ...tls, checkServerIdentity: (_name, certificate) => checkServerIdentity(hostname, certificate) };
}

async function readExtraCertificates({ NODE_EXTRA_CA_CERTS: path }: NodeJS.ProcessEnv): Promise<string[]> {
  if (!path) return [];
  const { readFile } = await import('node:fs/promises');
  // Node has warned of one that can't be read, and gone on.
  return readFile(path, 'utf8').then(
    (pem) => [pem],
    () => [],
  );
}

function joinCookies(headers: Headers, cookies: string): string {
  const own = Object.entries(headers).find(([name]) => name.toLowerCase() === 'cookie')?.[1];
  return own ? `${own}; ${cookies}` : cookies;
}
