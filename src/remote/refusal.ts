import type { IncomingMessage } from 'node:http';
import type { DrawbridgeError } from '../errors.ts';
import { findMember } from '../json-text.ts';
import { isObject } from '../jsonrpc.ts';
import { readStart } from './body.ts';
import {
  type ErrorResponse,
  headerDetails,
  isOfOtherEra,
  isSessionExpired,
  parseErrorResponse,
  statusError,
} from './http-answer.ts';
import type { ErrorAnswer, Outcome, OutgoingRequest, Session, TransportOptions } from './transport.ts';

/** An answer with an error status, read; the user's own secrets, which some servers quote, taken out. */
export async function readRefusal(
  response: IncomingMessage,
  options: TransportOptions,
): Promise<ErrorResponse> {
  const { sink, log } = options;
  const body = await readStart(response, sink);
  const parse = (text: string) => parseErrorResponse(response.statusCode ?? 0, response.headers, text);
  const clean = parse(log.scrub(body));
  // A secret of digits may stand in a number too, and take the error's form with it: then only texts are looked at.
  const isSpoilt = clean.rpcError === undefined && parse(body).rpcError !== undefined;
  return isSpoilt ? parse(scrubTexts(body, (text) => log.scrub(text))) : clean;
}

function scrubTexts(json: string, scrub: (text: string) => string): string {
  return JSON.stringify(JSON.parse(json), (_name, part: unknown) =>
    typeof part === 'string' ? scrub(part) : part,
  );
}

/**
 * What an answer with an error status means for the message that got it.
 *
 * @param session the one that the message was sent in
 * @param credential the one that it carried
 * @param request the one that waits for it, which is told while the user is being asked
 */
export async function outcomeOfRefusal(
  response: IncomingMessage,
  options: TransportOptions,
  session: Session | undefined,
  credential: string | undefined,
  request?: OutgoingRequest,
): Promise<Outcome> {
  const { client, authorizer, log } = options;
  const refusal = await readRefusal(response, options);
  const { status } = refusal;
  const error = statusError(refusal, client.target);
  log.debug('refused', { status });
  if (status === 401 || status === 403) {
    const header = refusal.headers['www-authenticate'];
    const challenge = { status, header, error, used: credential, mayAskUser: request?.mayAskUser ?? true };
    const answer = (): Promise<DrawbridgeError | undefined> => authorizer.challenged(challenge);
    const final = await (request ? unlessSettled(request, answer) : answer());
    return final ? { kind: 'challenged', error: final } : { kind: 'reauthorized', error };
  }
  if (session && (isOfOtherEra(refusal) || (session.id !== undefined && isSessionExpired(refusal))))
    return { kind: 'session-expired', session, error };
  if (status === 429 || status === 503) {
    return { kind: 'busy', retryAfter: error.details.retryAfter as number | undefined, error };
  }
  return { kind: 'failed', error, mayHaveRun: status >= 500, answer: errorAnswer(refusal) };
}

/** A request that the client has given up, or was answered meanwhile, does not wait for the user any longer. */
async function unlessSettled(
  request: OutgoingRequest,
  answer: () => Promise<DrawbridgeError | undefined>,
): Promise<DrawbridgeError | undefined> {
  const given = new Promise<DrawbridgeError>((resolve) => {
    request.abort = resolve;
  });
  request.challengedAt = performance.now();
  try {
    return await Promise.race([answer(), given]);
  } finally {
    request.challengedAt = undefined;
  }
}

/** The remote's own error goes through as it came, but for what its HTTP headers add and its data do not hold. */
function errorAnswer(refusal: ErrorResponse): ErrorAnswer | undefined {
  const { rpcError, body } = refusal;
  const span = rpcError && findMember(body, 'error');
  if (!span) return undefined;
  const text = body.slice(span.start, span.end);
  const details = headerDetails(refusal);
  const { data } = rpcError;
  if (Object.keys(details).length === 0 || (data !== undefined && !isObject(data)))
    return { text, code: rpcError.code };
  const added = { ...rpcError, data: { status: refusal.status, ...details, ...data } };
  return { text: JSON.stringify(added), code: rpcError.code };
}
