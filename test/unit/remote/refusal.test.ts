import { describe, expect, test } from 'vitest';
import type { DrawbridgeError } from '../../../src/errors.ts';
import { outcomeOfRefusal } from '../../../src/remote/refusal.ts';
import type { Outcome, TransportOptions } from '../../../src/remote/transport.ts';
import type { Exchange } from '../../support/fake-exchange.ts';
import { startFakeRemote } from '../../support/fake-remote.ts';
import { transportOptions } from '../helpers/scripted-sink.ts';

const session = { id: 'session-1', protocolVersion: '2025-11-25' };
const rpc = (code: number, message: string, more = '') =>
  `{"jsonrpc":"2.0","id":null,"error":{"code":${code},"message":"${message}"${more}}}`;

interface Case {
  inSession?: boolean;
  prepare?: (options: TransportOptions) => void;
}

/** What a message that is answered so comes to. */
async function refused(
  answer: (exchange: Exchange) => void,
  { inSession, prepare }: Case = {},
): Promise<Outcome> {
  const remote = await startFakeRemote();
  remote.on('POST', answer);
  const options = await transportOptions(remote);
  prepare?.(options);
  const response = await options.client.exchange('POST', '/mcp', {}, '{}').response;
  return outcomeOfRefusal(response, options, inSession ? session : undefined, 'Bearer used');
}

const errorOf = (outcome: Outcome): DrawbridgeError => {
  if (outcome.kind === 'done') throw new Error('it was no refusal');
  return outcome.error;
};

describe('what a refusal means', () => {
  test.each([
    [429, 'busy'],
    [503, 'busy'],
    [400, 'failed'],
    [404, 'failed'],
    [500, 'failed'],
    [501, 'failed'],
  ])('%i is %s', async (status, kind) => {
    expect(await refused((exchange) => exchange.status(status))).toMatchObject({ kind });
  });

  test.each([
    [400, false],
    [404, false],
    [500, true],
    [502, true],
  ])('after %i the message may have run: %s', async (status, mayHaveRun) => {
    expect(await refused((exchange) => exchange.status(status))).toMatchObject({ mayHaveRun });
  });

  test('Retry-After is told in seconds', async () => {
    const outcome = await refused((exchange) => exchange.status(429, { 'Retry-After': '17' }));
    expect(outcome).toMatchObject({ kind: 'busy', retryAfter: 17 });
    expect(errorOf(outcome).details).toMatchObject({ status: 429, retryAfter: 17 });
  });

  test.each([
    [true, 'reauthorized'],
    [false, 'challenged'],
  ])('401 and 403 are the credential layer’s: another one found: %s', async (found, kind) => {
    for (const status of [401, 403]) {
      const asked: unknown[] = [];
      const outcome = await refused((exchange) => exchange.status(status), {
        prepare: (options) => {
          options.authorizer = {
            credential: () => undefined,
            challenged: async (error, used) => {
              asked.push([error.details.status, used]);
              return found;
            },
            close: () => {},
          };
        },
      });
      expect(outcome).toMatchObject({ kind });
      expect(asked).toEqual([[status, 'Bearer used']]);
    }
  });

  test('a session that is not known is told of, where the message was sent in one [L-49]', async () => {
    const notFound = (exchange: Exchange) => exchange.status(404);
    expect(await refused(notFound, { inSession: true })).toMatchObject({ kind: 'session-expired', session });
    expect(await refused(notFound)).toMatchObject({ kind: 'failed' });
    const unknownMethod = (exchange: Exchange) => exchange.json(404, rpc(-32601, 'x'));
    expect(await refused(unknownMethod, { inSession: true })).toMatchObject({ kind: 'failed' });
  });
});

describe("the remote's own error [M-31]", () => {
  test('goes through as it came, big numbers too [85]', async () => {
    const text = '{"code":-32602,"message":"é","data":{"n":12345678901234567890}}';
    const outcome = await refused((exchange) => exchange.json(400, `{"jsonrpc":"2.0", "error": ${text} }`));
    expect(outcome).toMatchObject({ kind: 'failed', answer: { text, code: -32602 } });
  });

  test('gets what the headers add, where its own data say nothing of it', async () => {
    const headers = { 'X-Request-Id': 'r1', 'Retry-After': '5' };
    const answer = async (more: string) => {
      const outcome = await refused((exchange) => exchange.json(400, rpc(-32000, 'm', more), headers));
      return outcome.kind === 'failed' && JSON.parse(outcome.answer?.text ?? '');
    };
    const added = { status: 400, requestId: 'r1', retryAfter: 5 };
    expect(await answer('')).toEqual({ code: -32000, message: 'm', data: added });
    expect(await answer(',"data":{"status":1,"a":2}')).toMatchObject({ data: { ...added, status: 1, a: 2 } });
    expect(await answer(',"data":"text"')).toEqual({ code: -32000, message: 'm', data: 'text' });
  });

  test('is none where the body is no JSON-RPC', async () => {
    const outcome = await refused((exchange) => exchange.json(400, '{"error":"x"}'));
    expect(outcome).toMatchObject({ kind: 'failed', answer: undefined });
    expect(errorOf(outcome).details.remote).toEqual({ error: 'x' });
  });

  test('does not carry the user’s own secrets back, which some servers quote [72, 73]', async () => {
    const quoting = (exchange: Exchange) => exchange.json(401, { got: 'Bearer s3cret', key: 's3cret' });
    const outcome = await refused(quoting, { prepare: ({ log }) => log.protect('Bearer s3cret') });
    expect(JSON.stringify(errorOf(outcome).details)).not.toContain('s3cret');
  });

  test('stays one, also where a short secret is a part of its code', async () => {
    const quoting = (exchange: Exchange) => exchange.json(400, rpc(-32601, 'm'));
    const outcome = await refused(quoting, { prepare: ({ log }) => log.protect('2601') });
    expect(outcome).toMatchObject({ kind: 'failed', answer: { code: -32601 } });
  });
});
