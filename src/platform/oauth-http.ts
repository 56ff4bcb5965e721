import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { DrawbridgeError } from '../errors.ts';
import type { NetworkSettings } from '../settings.ts';
import {
  type AddressPolicy,
  addressPolicyFor,
  addressRefused,
  guardedLookup,
  isAllowedAddress,
} from './address-policy.ts';
import { openTransport } from './http-client.ts';
import { networkError } from './network-errors.ts';

/** Metadata, registrations and tokens are small: more is refused, in bytes [13]. */
const MAX_BODY = 256 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_DEPTH = 20;

export interface OAuthRequest {
  method: 'GET' | 'POST' | 'DELETE';
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Limit for connection, headers and body together, in milliseconds. */
  timeout: number;
}

export interface OAuthAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** The body as JSON object; undefined where it is none. */
  json: Record<string, unknown> | undefined;
}

/** No answer came. `sent` says whether the other side may have acted on the request. */
export class NoAnswer extends DrawbridgeError {
  readonly sent: boolean;

  constructor(error: DrawbridgeError, sent: boolean) {
    super(error.reason, error.message, error.details, error.cause);
    this.sent = sent;
  }

  /** Something came after all, which can't be used: what was asked for has happened, and asking again would not help. */
  get isUnusableAnswer(): boolean {
    return this.reason === 'invalid-answer' || this.reason === 'too-large';
  }
}

/**
 * HTTP to hosts that a server has named: never a redirect followed, no cookie, none of the user's headers, the address
 * checked when it is connected to, everything bounded [9-13, 104]. On node:http like the rest: touching `fetch` costs
 * 20 ms and 11 MB in each bridge (docs/decisions/0007).
 */
export class OAuthHttp {
  readonly #server: URL;
  readonly #settings: NetworkSettings;
  #policy: Promise<AddressPolicy> | undefined;

  /** @param server the MCP server's URL as the user typed it */
  constructor(server: URL, settings: NetworkSettings) {
    this.#server = server;
    this.#settings = settings;
  }

  /**
   * @param url checked by `parseNamedUrl`
   * @throws NoAnswer, or a DrawbridgeError where the address is refused
   */
  async request(url: URL, request: OAuthRequest): Promise<OAuthAnswer> {
    this.#policy ??= addressPolicyFor(this.#server);
    const policy = await this.#policy;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) && !isAllowedAddress(host, policy)) throw addressRefused(host);
    const transport = await openTransport(url, { ...this.#settings, keepAlive: 0 });
    return new Promise((resolve, reject) => {
      let sent = false;
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        const isOurs = error instanceof DrawbridgeError && error.reason === 'authorization-server';
        reject(isOurs ? error : new NoAnswer(networkError(error, url.origin), sent));
        outgoing.destroy();
      };
      const outgoing = transport.request({
        protocol: url.protocol,
        hostname: host,
        port: url.port,
        path: url.pathname + url.search,
        method: request.method,
        agent: transport.agent,
        maxHeaderSize: MAX_HEADER_BYTES,
        ...(this.#settings.ipv4Only && { family: 4 }),
        ...transport.tls,
        // Through a proxy the name is the proxy's to resolve [11].
        ...(transport.proxyName === undefined && { lookup: guardedLookup(policy) }),
        headers: {
          Accept: 'application/json',
          'Accept-Encoding': 'identity',
          'User-Agent': 'mcp-drawbridge',
          ...request.headers,
          ...(request.body !== undefined && { 'Content-Length': Buffer.byteLength(request.body) }),
        },
      });
      const timer = setTimeout(
        () =>
          fail(
            new DrawbridgeError(
              'timeout',
              `${url.origin} gave no answer within ${request.timeout / 1000} s.`,
            ),
          ),
        request.timeout,
      );
      outgoing.once('socket', (socket) => {
        const isSecuring = 'secureConnecting' in socket && socket.secureConnecting === true;
        if (!socket.connecting && !isSecuring) sent = true;
        socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
          sent = true;
        });
      });
      outgoing.on('error', fail);
      outgoing.once('response', (response: IncomingMessage) => {
        readText(response).then((text) => {
          clearTimeout(timer);
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, json: parseObject(text) });
        }, fail);
      });
      outgoing.end(request.body);
    });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new DrawbridgeError('too-large', 'The answer is larger than 256 KiB.');
    chunks.push(chunk);
  }
  const coding = response.headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity')
    throw new DrawbridgeError('invalid-answer', 'The answer has a content coding that was not asked for.');
  return Buffer.concat(chunks).toString('utf8');
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    if (isTooDeep(text)) return undefined;
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** In one pass: a pattern that skips strings would take minutes over one that does not end. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isInString) {
      if (character === '\\') at++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}
