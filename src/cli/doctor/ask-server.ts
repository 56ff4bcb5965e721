import type { IncomingMessage } from 'node:http';
import { type BearerChallenge, bearerChallenge, parseChallenges } from '../../authorization/challenge.ts';
import { DrawbridgeError } from '../../errors.ts';
import { classify } from '../../jsonrpc.ts';
import type { HttpClient } from '../../platform/http-client.ts';
import { type FlowControl, readStart } from '../../remote/body.ts';
import { isEventStream, isModernError, parseErrorResponse } from '../../remote/http-answer.ts';
import { postHeaders, streamHeaders } from '../../remote/request-headers.ts';
import { type CertificateFacts, certificateOf } from './certificate.ts';

/** How long the server may take to answer, in milliseconds. */
export const PATIENCE = 15_000;

/** Nobody is slow here. */
export const atOnce: FlowControl = { blocked: false, whenReady: (resume) => resume() };

/** What a server said to a request without a credential. */
export interface ServerAnswer {
  status: number;
  /** Whether it is the answer of an MCP server: a JSON-RPC response, or an event stream. */
  isMcp: boolean;
  isEventStream: boolean;
  /** It makes itself known as a server of the revision 2026-07-28 or later. */
  isModern: boolean;
  /** `html`, `json`, `nothing` or `text`: what came that is not MCP. */
  looksLike: 'html' | 'json' | 'nothing' | 'text';
  challenge: BearerChallenge;
  /** The schemes of WWW-Authenticate, in lower case. */
  schemes: string[];
  /** The Date header, epoch milliseconds; undefined where there is none that can be read. */
  date: number | undefined;
  retryAfter: string | undefined;
  certificate: CertificateFacts | undefined;
}

/**
 * Asks for the list of tools, without a session and without a credential: whoever speaks MCP answers that in JSON-RPC, be
 * it by a refusal, or with 401. Changes nothing at the server.
 *
 * @param path path and query
 * @param headers the user's own, without a credential
 * @throws DrawbridgeError where there is no answer
 */
export function askForTools(
  client: HttpClient,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<ServerAnswer> {
  const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
  return ask(client, 'POST', path, postHeaders({ ...headers }), list);
}

/** Asks for an event stream; see askForTools. */
export function askForStream(
  client: HttpClient,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<ServerAnswer> {
  return ask(client, 'GET', path, streamHeaders({ ...headers }, undefined));
}

async function ask(
  client: HttpClient,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<ServerAnswer> {
  const exchange = client.exchange(method, path, headers, body);
  const timer = setTimeout(() => {
    const waited = `${PATIENCE / 1000} s`;
    exchange.abort(new DrawbridgeError('timeout', `${client.target} did not answer within ${waited}.`));
  }, PATIENCE);
  try {
    const response = await exchange.response;
    return await read(response);
  } finally {
    clearTimeout(timer);
  }
}

async function read(response: IncomingMessage): Promise<ServerAnswer> {
  const { statusCode: status = 0, headers } = response;
  const certificate = certificateOf(response.socket);
  const isStream = isEventStream(response);
  const text = isStream ? '' : await readStart(response, atOnce);
  if (isStream) response.destroy();
  const { rpcError } = parseErrorResponse(status, headers, text);
  const date = Date.parse(headers.date ?? '');
  const field = headers['www-authenticate'];
  return {
    status,
    isMcp: (status === 200 && isStream) || isJsonRpc(text),
    isEventStream: status === 200 && isStream,
    isModern: isModernError(rpcError && { text: '', code: rpcError.code }),
    looksLike: looksLike(text, headers['content-type'] ?? ''),
    challenge: bearerChallenge(field),
    schemes: parseChallenges(field).map(({ scheme }) => scheme),
    date: Number.isNaN(date) ? undefined : date,
    retryAfter: headers['retry-after'],
    certificate,
  };
}

function isJsonRpc(text: string): boolean {
  try {
    return classify(JSON.parse(text)).kind === 'response';
  } catch {
    return false;
  }
}

function looksLike(text: string, type: string): ServerAnswer['looksLike'] {
  if (text.trim() === '') return 'nothing';
  if (/^text\/html\b/i.test(type) || /^\s*<(!doctype html|html)/i.test(text)) return 'html';
  return /\bjson\b/i.test(type) ? 'json' : 'text';
}
