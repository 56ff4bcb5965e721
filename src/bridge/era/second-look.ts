import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import { findMember } from '../../json-text.ts';
import { isObject, type JsonRpcResponse } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import type { Outcome } from '../../remote/transport.ts';
import { PendingRequest } from '../pending-requests.ts';
import { refusals } from '../refusals.ts';
import type { RemoteEnd } from '../remote-end.ts';
import type { RemoteEra } from './remote-era.ts';

export interface SecondLookOptions {
  end: RemoteEnd;
  era: RemoteEra;
  newId: () => string;
  /** The conversation goes on in the modern form. */
  onTaken: () => void;
  log: Logger;
}

/** So long requests wait for a server to show whether it is modern as well, in milliseconds. */
const SECOND_LOOK = 3_000;

/**
 * A server that keeps no session can neither ask the client anything nor tell it of changes. If it is modern as well, it
 * can: the official SDK's server is so by default (checklist B-09). Never rejects.
 *
 * @param request the client's `initialize`
 * @param result what the server has answered, parsed
 */
export async function lookAgain(
  { end, era, newId, onTaken, log }: SecondLookOptions,
  request: PendingRequest,
  result: unknown,
): Promise<void> {
  const method = 'server/discover';
  const asking = new PendingRequest({ id: newId(), method, body: '' }, undefined, () => {});
  asking.mayAskUser = false;
  const timer = setTimeout(() => asking.drop(refusals.shuttingDown()), SECOND_LOOK);
  try {
    const translation = await end.translation();
    const refusal = await translation?.takeOver(request.body.toString(), result, asking);
    if (asking.settled || !translation) return;
    if (!refusal) {
      log.info('the server is modern as well, going on in that form');
      const { session } = end.transport;
      await end.goModern();
      translation.useSession(session);
      era.found('modern');
      onTaken();
    } else if (refusal.kind === 'failed' && refusal.error.reason === 'other-era') era.found('legacy', 'http');
  } catch (error) {
    log.info('second look at the server failed', { reason: asDrawbridgeError(error).reason });
  } finally {
    clearTimeout(timer);
  }
}

/** The error that a server has answered `initialize` with, as the end of sending it. */
export function refusalOf(text: string, { error }: JsonRpcResponse): Outcome {
  const span = findMember(text, 'error');
  const code = isObject(error) && typeof error.code === 'number' ? error.code : 0;
  return {
    kind: 'failed',
    error: new DrawbridgeError('invalid-answer', 'The server refused to open a session.'),
    mayHaveRun: false,
    answer: span && { text: text.slice(span.start, span.end), code },
  };
}

/** A server that agrees on a revision which has no `initialize` is modern, whatever else it says. */
export function misfit(): Outcome {
  const error = new DrawbridgeError(
    'other-era',
    'The server answers initialize with a revision that has none.',
  );
  const { code, message } = error.toJsonRpcError();
  return {
    kind: 'failed',
    error,
    mayHaveRun: false,
    answer: { text: JSON.stringify({ code, message }), code },
  };
}
