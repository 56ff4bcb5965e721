import { DrawbridgeError, displayText } from '../../errors.ts';
import { findMember } from '../../json-text.ts';
import { isObject } from '../../jsonrpc.ts';
import type { ErrorAnswer, ModernRemote, Outcome, OutgoingRequest } from '../../remote/transport.ts';
import { LATEST_MODERN } from '../../revisions.ts';
import { refusals } from '../refusals.ts';
import { type Verdict, verdictOfDiscover } from './detect.ts';
import { exchange } from './legacy-client-exchange.ts';
import type { ClientSelf } from './legacy-client-meta.ts';

/** What a modern server said of itself: its `DiscoverResult`, as JSON and parsed, and the revision that both speak. */
interface Discovered {
  text: string;
  result: Record<string, unknown>;
  version: string;
}

interface Asker {
  readonly remote: ModernRemote;
  readonly self: ClientSelf;
  readonly newId: () => string;
}

/**
 * Asks a server what it is; once more where its answer says how.
 *
 * @param request the one that needs to know
 * @returns what it said, or why that is of no use: `other-era` where it is to be opened in the legacy way
 */
export async function discover(
  { remote, self, newId }: Asker,
  request: OutgoingRequest,
): Promise<Discovered | Outcome> {
  for (let version: string = LATEST_MODERN, tries = 1; ; tries++) {
    const meta = self.meta(version, undefined);
    const id = newId();
    const method = 'server/discover';
    const body = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"${method}","params":{"_meta":{${meta.json}}}}`;
    const parts = { id, method, body, params: meta.params(undefined), onMessage: () => {} };
    const { abort } = request;
    const { leg, outcome } = await exchange(remote, request, parts, (started) => {
      request.abort = (error) => started.abort?.(error);
    });
    request.abort = abort;
    // How a sign-in ended is worth knowing, though nobody waits for this any more.
    if (request.settled) return outcome.kind === 'challenged' ? outcome : { kind: 'done' };
    const { text, message } = leg.answer ?? {};
    const verdict = verdictOfDiscover(outcome, message);
    if (verdict.era === 'modern' && isObject(message?.result)) {
      const json = memberText(text?.toString(), 'result') ?? '{}';
      return { text: json, result: message.result, version: verdict.version };
    }
    const isRepeated = tries > 1 || (verdict.era !== 'repeat' && verdict.era !== 'repair');
    if (isRepeated) return notModern(verdict, outcome, text?.toString());
    if (verdict.era === 'repeat') version = verdict.version;
  }
}

function notModern(verdict: Verdict, outcome: Outcome, answer: string | undefined): Outcome {
  if (verdict.era === 'foreign') {
    const supported = displayText(verdict.supported.join(', '));
    const error = new DrawbridgeError(
      'unsupported-transport',
      `The server speaks only protocol revisions that this bridge does not know (${supported}); update mcp-drawbridge.`,
    );
    return { kind: 'failed', error, mayHaveRun: false };
  }
  if (verdict.era === 'unknown')
    return outcome.kind === 'done'
      ? { kind: 'failed', error: refusals.lostInBridge(), mayHaveRun: false }
      : outcome;
  const error = new DrawbridgeError(
    'other-era',
    'The server does not speak the protocol revision 2026-07-28; restart the client, without --era modern.',
  );
  const given = outcome.kind === 'failed' ? outcome.answer : undefined;
  return { kind: 'failed', error, mayHaveRun: false, answer: given ?? errorIn(answer) };
}

function errorIn(answer: string | undefined): ErrorAnswer | undefined {
  const text = memberText(answer, 'error');
  if (text === undefined) return undefined;
  const error: unknown = JSON.parse(text);
  return { text, code: isObject(error) && typeof error.code === 'number' ? error.code : 0 };
}

function memberText(text: string | undefined, key: string): string | undefined {
  const span = text === undefined ? undefined : findMember(text, key);
  return span && text?.slice(span.start, span.end);
}
