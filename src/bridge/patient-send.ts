import { sleep } from '../platform/sleep.ts';
import { backoff } from '../remote/retry.ts';
import { isRequest, type Outcome, type OutgoingMessage, type OutgoingRequest } from '../remote/transport.ts';

const LONGEST_RETRY_AFTER = 60;
const MAX_BUSY_TRIES = 3;
/** A refresh, a sign-in and a step-up may each be what was missing. */
const MAX_REAUTHORIZATIONS = 3;

/**
 * Requests that only read, or that set what is then set, so that running twice does no harm. A tool call is none of
 * them, whatever the tool's annotations claim: those are the server's word (MCP 2026-07-28, Tools, Warning).
 */
const repeatable =
  /^(initialize|ping|server\/discover|logging\/setLevel|completion\/complete|prompts\/get|resources\/(read|subscribe|unsubscribe)|tasks\/(get|result|cancel)|.+\/list|subscriptions\/listen|notifications\/.+)$/;

/** Sends one message with the repetitions that can do no harm. */
export async function sendPatiently<M extends OutgoingMessage | OutgoingRequest>(
  send: (message: M) => Promise<Outcome>,
  message: M,
): Promise<Outcome> {
  const request = isRequest(message) ? message : undefined;
  const mayRepeat = message.method === undefined || repeatable.test(message.method);
  let reauthorizations = 0;
  for (let tries = 1; ; tries++) {
    const outcome = await send(message);
    // How the sign-in ended is worth knowing, though the request has been answered for want of it.
    if (request?.settled && outcome.kind !== 'challenged') return { kind: 'done' };
    switch (outcome.kind) {
      case 'reauthorized':
        if (++reauthorizations > MAX_REAUTHORIZATIONS) return { kind: 'challenged', error: outcome.error };
        request?.alive('body');
        tries--;
        break;
      case 'busy': {
        const wait = outcome.retryAfter === undefined ? backoff(tries + 1) : outcome.retryAfter * 1000;
        const isTooLong = wait > LONGEST_RETRY_AFTER * 1000;
        if (!mayRepeat || isTooLong || tries >= MAX_BUSY_TRIES) return outcome;
        request?.postpone(wait);
        await sleep(wait);
        break;
      }
      case 'failed': {
        // A kept connection that the server closed at this very moment: the next one is a new one. In the modern era
        // that takes a new id (MCP 2026-07-28), so the transport has seen to it.
        const wasCut = outcome.mayHaveRun && outcome.error.reason === 'unreachable' && !message.modernHeaders;
        if (!wasCut || !mayRepeat || tries > 1) return outcome;
        break;
      }
      default:
        return outcome;
    }
  }
}
