import { describe, expect, test } from 'vitest';
import type { Challenge } from '../../../src/authorization/authorizer.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { outcomeOfRefusal } from '../../../src/remote/refusal.ts';
import type { Outcome, OutgoingRequest, TransportOptions } from '../../../src/remote/transport.ts';
import type { Exchange } from '../../support/fake-exchange.ts';
import { startFakeRemote } from '../../support/fake-remote.ts';
import { ask } from '../helpers/pending.ts';
import { transportOptions } from '../helpers/scripted-sink.ts';

const session = { id: 'session-1', protocolVersion: '2025-11-25' };
const rpc = (code: number, message: string, more = '') =>
  `{"jsonrpc":"2.0","id":null,"error":{"code":${code},"message":"${message}"${more}}}`;

interface Case {
  inSession?: boolean;
  request?: OutgoingRequest;
  prepare?: (options: TransportOptions) => void;
}

/** What a message that is answered so comes to. */
async function refused(
  answer: (exchange: Exchange) => void,
  { inSession, request, prepare }: Case = {},
): Promise<Outcome> {
  const remote = await startFakeRemote();
  remote.on('POST', answer);
  const options = await transportOptions(remote);
  prepare?.(options);
  const response = await options.client.exchange('POST', '/mcp', {}, '{}').response;
  return outcomeOfRefusal(response, options, inSession ? session : undefined, 'Bearer used', request);
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
    [undefined, 'reauthorized'],
    [new DrawbridgeError('sign-in-timeout', 'm'), 'challenged'],
  ])('401 and 403 are the credential layer’s: what it says then is told: %s', async (final, kind) => {
    for (const status of [401, 403]) {
      const asked: Challenge[] = [];
      const outcome = await refused(
        (exchange) => exchange.status(status, { 'WWW-Authenticate': ['Basic', 'Bearer scope="a"'] }),
        {
          prepare: ({ authorizer }) => {
            authorizer.challenged = async (challenge) => {
              asked.push(challenge);
              return final;
            };
          },
        },
      );
      expect(outcome).toMatchObject({ kind });
      if (final) expect(errorOf(outcome)).toBe(final);
      const header = 'Basic, Bearer scope="a"';
      expect(asked).toEqual([
        expect.objectContaining({ status, header, used: 'Bearer used', mayAskUser: true }),
      ]);
      expect(asked[0]?.error.details.status).toBe(status);
    }
  });

  test('a request is marked for as long as its challenge is being dealt with', async () => {
    const { request } = ask('tools/list');
    const during: unknown[] = [];
    await refused((exchange) => exchange.status(401), {
      request,
      prepare: ({ authorizer }) => {
        authorizer.challenged = async () => void during.push(request.challengedAt);
      },
    });
    expect([during, request.challengedAt]).toEqual([[expect.any(Number)], undefined]);
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
