import { describe, expect, test } from 'vitest';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { Outcome } from '../../../../src/remote/transport.ts';
import { metaKeys } from '../../../../src/revisions.ts';
import { settle } from '../../helpers/bridge-harness.ts';
import { faceStage } from '../../helpers/face-stage.ts';
import { drop, modernMeta } from '../../helpers/modern-stage.ts';
import { discovered, failed } from '../../helpers/scripted-modern.ts';

const notFound = { code: -32601, message: 'Method not found' };
const server = discovered._meta;

describe('a request that can not be served as it is', () => {
  test.each([
    ['names a revision of tomorrow', { [metaKeys.protocolVersion]: '2027-01-01' }, -32022],
    ['names a legacy revision', { [metaKeys.protocolVersion]: '2025-11-25' }, -32022],
    ['names no text', { [metaKeys.protocolVersion]: 7 }, -32602],
    ['names null', { [metaKeys.protocolVersion]: null }, -32602],
    ['lacks its capabilities', { [metaKeys.clientCapabilities]: undefined }, -32602],
    ['has capabilities that are no object', { [metaKeys.clientCapabilities]: [] }, -32602],
  ])('since it %s [M-05, M-83, B-81]', async (_, meta, code) => {
    const { ask, http, legacy } = faceStage();
    const answer = await ask('tools/call', { name: 'x' }, 'id', { ...modernMeta, ...meta });
    expect(answer).toMatchObject({ jsonrpc: '2.0', id: 'id', error: { code } });
    if (code === -32022)
      expect(answer?.error?.data).toMatchObject({
        supported: ['2026-07-28'],
        requested: meta[metaKeys.protocolVersion as never],
      });
    expect([...http.exchanges, ...legacy.exchanges]).toEqual([]);
  });
});

describe('before a modern server', () => {
  test('the first request finds out by itself; all go there, byte for byte [B-10, B-80, B-83]', async () => {
    const { ask, http, legacy, found } = faceStage();
    expect(await ask('tools/list')).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: { resultType: 'complete', by: 'tools/list' },
    });
    await ask('x/y', { n: 1 }, '1');
    expect(http.methods).toEqual(['tools/list', 'x/y']);
    expect(http.exchanges[1]?.text).toBe(
      JSON.stringify({ jsonrpc: '2.0', id: '1', method: 'x/y', params: { n: 1, _meta: modernMeta } }),
    );
    expect([legacy.exchanges, found]).toEqual([[], ['modern']]);
  });

  test.each([
    [
      'input_required',
      { resultType: 'input_required', inputRequests: { __proto__: 1, a: {} }, requestState: 's' },
    ],
    ['a task', { resultType: 'task', taskId: 't' }],
    ['something new', { resultType: 'future', x: [1] }],
  ])('a result that is %s passes [B-83, B-84]', async (_, result) => {
    const { ask, http } = faceStage();
    http.on('tools/call', (exchange) => exchange.answerText(JSON.stringify(result)));
    expect((await ask('tools/call'))?.result).toEqual(JSON.parse(JSON.stringify(result)));
  });

  test('a discovery names what the bridge carries, the first one and any other [M-51, B-81]', async () => {
    const { ask, http } = faceStage();
    const supportedVersions = ['2027-01-01', '2026-07-28', '2025-11-25', 7];
    http.on('server/discover', (exchange) => exchange.answer({ ...discovered, supportedVersions }));
    for (let times = 0; times < 2; times++) {
      const answer = await ask('server/discover');
      expect(answer?.result).toMatchObject({
        supportedVersions: ['2026-07-28', '2025-11-25'],
        _meta: server,
      });
    }
  });

  test.each([
    [-32021, { requiredCapabilities: { sampling: {} } }],
    [-32602, { uri: 'file:///x' }],
    [-32601, undefined],
  ])('an error %i that came with a status is the answer [M-31, B-81]', async (code, data) => {
    const { ask, http } = faceStage();
    await ask('server/discover');
    http.on('tools/call', () => failed(400, { code, data }));
    expect(await ask('tools/call', {}, 'c')).toEqual({
      jsonrpc: '2.0',
      id: 'c',
      error: { code, message: 'no', ...(data && { data }) },
    });
  });

  test('a refused revision is told with the ones that the bridge carries [B-81]', async () => {
    const { ask, http } = faceStage();
    const data = { supported: ['2027-01-01', '2026-07-28'], requested: '2026-07-28' };
    http.on('tools/call', () => failed(400, { code: -32022, data }));
    expect((await ask('tools/call'))?.error?.data).toEqual({ ...data, supported: ['2026-07-28'] });
  });

  test.each([
    ['HTTP status', failed(502)],
    ['no connection', failed(undefined)],
    [
      'a lost stream',
      { kind: 'failed', error: new DrawbridgeError('stream-lost', 'It may have run.'), mayHaveRun: true },
    ],
    [
      'too many requests',
      { kind: 'busy', retryAfter: 300, error: new DrawbridgeError('rate-limited', 'Later.') },
    ],
  ] as [string, Outcome][])(
    '%s is an error of the bridge, outside the codes of others [B-85, B-89, M-36]',
    async (_, outcome) => {
      const { ask, http } = faceStage({ era: 'modern' });
      http.on('tools/call', () => outcome);
      const answer = await ask('tools/call');
      expect(answer?.error?.code).toBeGreaterThan(-32000);
      expect(answer?.error?.data).toMatchObject({ source: 'mcp-drawbridge' });
    },
  );

  test('parallel first requests do not wait for each other [M-84]', async () => {
    const { start, http } = faceStage();
    http.on('tools/call', (exchange) => exchange.untilAborted());
    const slow = start('tools/call', { name: 'slow' }, 1);
    const quick = start('tools/list', {}, 2);
    await quick.ended;
    expect(quick.answers).toHaveLength(1);
    drop(slow.request);
    await slow.ended;
    expect(slow.answers).toEqual([undefined]);
  });

  test('what comes right behind a discovery waits for that', async () => {
    const { start, http } = faceStage();
    let answer: () => void = () => {};
    http.on('server/discover', async (exchange) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return exchange.answer(discovered);
    });
    const asked = [start('server/discover', {}, 1), start('tools/list', {}, 2)];
    await settle();
    expect(http.methods).toEqual(['server/discover']);
    answer();
    await Promise.all(asked.map(({ ended }) => ended));
    expect(http.methods).toEqual(['server/discover', 'tools/list']);
  });
});

describe('before a legacy server', () => {
  const legacyStage = (setup = {}) => {
    const stage = faceStage(setup);
    stage.http.on('server/discover', (exchange) => exchange.error(notFound.code, notFound.message));
    return stage;
  };

  test('a discovery that it does not know goes through the translation, and all else [B-10, B-57]', async () => {
    const { ask, http, legacy, found } = legacyStage();
    legacy.on('server/discover', (exchange) => exchange.answer(discovered));
    expect((await ask('server/discover'))?.result).toMatchObject({ supportedVersions: ['2026-07-28'] });
    await ask('tools/call', {}, 2);
    expect(http.methods).toEqual(['server/discover']);
    expect(legacy.methods).toEqual(['server/discover', 'tools/call']);
    expect(found).toEqual(['legacy']);
  });

  test.each([400, 404, 405])(
    'a refusal by %i is asked about, and the request sent there [B-10]',
    async (status) => {
      const { ask, http, legacy } = legacyStage();
      http.on('tools/call', () => failed(status));
      expect((await ask('tools/call'))?.result).toMatchObject({ by: 'tools/call' });
      expect([http.methods, legacy.methods]).toEqual([['tools/call', 'server/discover'], ['tools/call']]);
    },
  );

  test.each([401, 403, 500, 502, 503, undefined])(
    '%s says nothing about its era [B-06, B-11]',
    async (status) => {
      const { ask, http, legacy, found } = faceStage();
      const outcome = failed(status);
      http.on('tools/call', () => outcome).on('server/discover', () => outcome);
      expect(await ask('tools/call')).toHaveProperty('error');
      expect(await ask('server/discover', {}, 2)).toHaveProperty('error');
      expect([legacy.exchanges, found]).toEqual([[], []]);
    },
  );

  test('parallel first requests share one translation [B-58]', async () => {
    const stage = legacyStage();
    stage.http.on('tools/list', () => failed(400)).on('prompts/list', () => failed(400));
    const asked = [stage.start('tools/list', {}, 1), stage.start('prompts/list', {}, 2)];
    await Promise.all(asked.map(({ ended }) => ended));
    expect(stage.legacy.methods.sort()).toEqual(['prompts/list', 'tools/list']);
    expect(stage.translations).toBe(1);
  });

  test('a remembered verdict saves the question; a server that has gone over is found out [B-05, B-12, B-13]', async () => {
    const { ask, http, legacy, found } = faceStage({ verdict: 'legacy' });
    await ask('tools/list');
    expect([http.methods, legacy.methods]).toEqual([[], ['tools/list']]);
    const renewed = faceStage({ verdict: 'legacy' });
    renewed.legacy.on('tools/list', () => failed(400, { code: -32022, data: { supported: ['2026-07-28'] } }));
    expect((await renewed.ask('tools/list'))?.result).toMatchObject({ by: 'tools/list' });
    expect(renewed.http.methods).toEqual(['tools/list']);
    expect([found, renewed.found]).toEqual([[], ['modern']]);
  });

  test('a remembered modern verdict fails loudly, and is made anew [B-12]', async () => {
    const { ask, http, legacy, found } = legacyStage({ verdict: 'modern' });
    http.on('tools/list', () => failed(404));
    expect((await ask('tools/list'))?.result).toMatchObject({ by: 'tools/list' });
    expect([legacy.methods, found]).toEqual([['tools/list'], ['legacy']]);
  });

  test.each([
    ['modern', ['http']],
    ['legacy', ['legacy']],
  ] as const)('--era %s is never asked about [B-15]', async (era, ways) => {
    const { ask, http, legacy, found } = faceStage({ era });
    http.on('tools/call', () => failed(404)).on('server/discover', () => failed(404));
    legacy.on('tools/call', () => failed(400, { code: -32022 }));
    expect(await ask('tools/call')).toHaveProperty('error');
    expect([...http.methods.map(() => 'http'), ...legacy.methods.map(() => 'legacy')]).toEqual(ways);
    expect(found).toEqual([]);
  });
});

describe('what the server says unasked', () => {
  test('notifications pass as they are, but for progress of nothing [L-32, M-26]', async () => {
    const { start, http, written } = faceStage({ era: 'modern' });
    http.on('tools/call', (exchange) => {
      exchange.notify('notifications/progress', { progressToken: 'mine', progress: 1 });
      exchange.notify('notifications/progress', { progressToken: 'other', progress: 1 });
      exchange.notify('notifications/message', { level: 'info', data: 'x' });
      exchange.notify('future/news', {});
      return exchange.answer();
    });
    await start('tools/call', {}, 1, { ...modernMeta, progressToken: 'mine' }).ended;
    expect(written.map(({ method }) => method)).toEqual([
      'notifications/progress',
      'notifications/message',
      'future/news',
    ]);
  });

  test('of a request that was cancelled or answered nothing more is said [M-44]', async () => {
    const { start, http, written } = faceStage({ era: 'modern' });
    await start('tools/list').ended;
    let late: (() => void) | undefined;
    http.on('tools/call', (exchange) => {
      late = () => exchange.notify('notifications/progress', { progressToken: 'mine', progress: 1 });
      return exchange.untilAborted();
    });
    const call = start('tools/call', {}, 1, { ...modernMeta, progressToken: 'mine' });
    await settle();
    drop(call.request);
    late?.();
    await call.ended;
    expect([call.answers, written]).toEqual([[undefined], []]);
  });

  test('requests and what is no message reach no client [M-82]', () => {
    const { face, written, pending } = faceStage();
    face.receive('{}', { kind: 'request', id: 1, method: 'roots/list', params: {} });
    face.receive('{}', { kind: 'invalid', id: null, problem: 'it is not a JSON object' });
    face.receive('{}', { kind: 'response', id: 1, result: {} });
    expect([written, pending.size]).toEqual([[], 0]);
  });

  test('the client notifies the server once there is one', async () => {
    const { face, ask, http } = faceStage();
    await face.notify('{}', 'notifications/x');
    await ask('tools/list');
    await face.notify('{"method":"notifications/x"}', 'notifications/x');
    expect(http.methods).toEqual(['tools/list', 'notifications/x']);
  });

  test('the end is told to both ways', async () => {
    const { face, http, legacy, ask } = faceStage();
    http.on('server/discover', (exchange) => exchange.error(-32601));
    await ask('server/discover');
    await face.close(10);
    expect([http.closed, legacy.closed]).toEqual([1, 1]);
  });
});

test('what a server says of itself is kept as a legacy one would have said it', async () => {
  const { ask, kept } = faceStage();
  await ask('server/discover');
  expect(kept).toEqual([
    {
      protocolVersion: '2026-07-28',
      capabilities: discovered.capabilities,
      serverInfo: server[metaKeys.serverInfo],
      instructions: (discovered as { instructions?: string }).instructions,
    },
  ]);
});
