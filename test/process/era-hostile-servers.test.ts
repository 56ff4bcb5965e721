import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import {
  ask,
  callEcho,
  expectAlive,
  expectModernCode,
  legacyClient,
  modernClient,
  modernRemote,
  refusesModern,
} from '../support/era-hostile.ts';
import { textResult } from '../support/fake-answers.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import { beModern, discoverResult, fakeTool, refuseRevision } from '../support/fake-modern.ts';
import {
  type FakeRemote,
  type FakeRemoteOptions,
  type Handler,
  startFakeRemote,
} from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';

/** Modern servers that misbehave, toward clients of both eras. Each request gets its one answer, soon (checklist B-89). */

const done = { resultType: 'complete', ...textResult('done') };

function raw(exchange: Exchange, result: string): void {
  exchange.json(200, `{"jsonrpc":"2.0","id":${JSON.stringify(exchange.id)},"result":${result}}`);
}

describe('results', () => {
  const odd = ['"text"', '[1]', 'null', '5', 'true', '{}', '{"content":null}', '{"resultType":"complete"}'];

  test.each(odd)('%s as a result is one answer to clients of both eras [B-89]', async (result) => {
    const remote = await modernRemote((exchange) => raw(exchange, result));
    const [legacy, modern] = [await legacyClient(remote), modernClient(remote)];
    const answers = await Promise.all([legacy.callTool('echo'), callEcho(modern)]);
    for (const answer of answers) expect('result' in answer !== 'error' in answer).toBe(true);
    await Promise.all([expectAlive(legacy, false), expectAlive(modern, true)]);
    expect(remote.of('tools/call')).toHaveLength(2);
  });

  test('structured content of each type reaches a legacy client as text, or as the object that it is [B-32]', async () => {
    const values = [
      '[1,2]',
      '"a"',
      '9007199254740993',
      'null',
      'true',
      '{"a":1}',
      `"${'x'.repeat(100_000)}"`,
    ];
    const remote = await modernRemote((exchange) => {
      const { index } = exchange.request.message?.params.arguments ?? {};
      raw(exchange, `{"resultType":"complete","structuredContent":${values[index]}}`);
    });
    const bridge = await legacyClient(remote);
    for (const [index, json] of values.entries()) {
      const { result } = await bridge.callTool('echo', { index });
      if (json === '{"a":1}') expect(result.structuredContent).toEqual({ a: 1 });
      else expect(result).toEqual({ content: [{ type: 'text', text: json }] });
    }
  });
});

describe('lists of tools', () => {
  const nested = (depth: number): string => `${'{"properties":{"a":'.repeat(depth)}{}${'}}'.repeat(depth)}`;
  const header = (name: unknown, more: object = {}) => ({ type: 'string', 'x-mcp-header': name, ...more });

  test('with annotations everywhere, of 10 MB, and 10,000 levels deep come without what may not be used [M-15] [M-17] [M-18]', async () => {
    const bad = [
      ...['', ' ', 'a b', 'a:b', 'é', 'a\r\nX: y', null, 5, {}, ['a']].map((name) => ({ a: header(name) })),
      { a: header('Same'), b: header('same') },
      { a: { type: 'array', items: header('In') } },
      { a: { anyOf: [header('In')] } },
      { a: header('N', { type: 'number' }) },
    ].map((properties, index) => fakeTool(`bad${index}`, properties));
    const tools = [
      ...bad,
      { name: 'rooted', inputSchema: { type: 'object', 'x-mcp-header': 'Root' } },
      fakeTool('good', { a: header('Good'), __proto__: {} }),
      { name: 'big', description: 'x'.repeat(10_000_000), inputSchema: { type: 'object' } },
    ];
    const list = JSON.stringify({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools }).replace(
      /\]\}$/,
      `,{"name":"deep","inputSchema":${nested(10_000)}},null,5,{"name":7}]}`,
    );
    const remote = await modernRemote((exchange) => exchange.result(done));
    remote.on('tools/list', (exchange) => raw(exchange, list));
    for (const bridge of [await legacyClient(remote), modernClient(remote)]) {
      const isModern = bridge.messages.length === 0;
      const listed = await (isModern ? ask(bridge, 'tools/list') : bridge.request('tools/list'));
      const names = listed.result.tools.map((tool: { name?: unknown } | null) => tool?.name);
      expect(names).toEqual(['good', 'big', 'deep', undefined, undefined, 7]);
      const call = { name: 'good', arguments: { a: '\r\nX-Evil: 1' } };
      await (isModern ? ask(bridge, 'tools/call', call) : bridge.request('tools/call', call));
      const { headers } = remote.of('tools/call').at(-1) ?? {};
      expect(headers?.['mcp-param-good']).toBe('=?base64?DQpYLUV2aWw6IDE=?=');
      expect(headers).not.toHaveProperty('x-evil');
    }
  });

  test('whose pages never end are not read for ever where headers are to be mended [M-24]', async () => {
    const error = { code: -32020, message: 'Header mismatch' };
    const remote = await modernRemote(() => {});
    remote
      .on('tools/call', (exchange) => exchange.json(400, { jsonrpc: '2.0', id: exchange.id, error }))
      .on('tools/list', (exchange) =>
        exchange.result({ ...done, tools: [fakeTool('echo')], nextCursor: '' }),
      );
    for (const bridge of [modernClient(remote), await legacyClient(remote)]) {
      const isModern = bridge.messages.length === 0;
      const { error: own } = await (isModern ? callEcho(bridge) : bridge.callTool('echo'));
      expect(own?.message).toContain('headers');
      expect(own?.code, "a local error, not the server's").toBe(-31000);
    }
    expect(remote.of('tools/call')).toHaveLength(4);
    expect(remote.of('tools/list').length).toBeLessThanOrEqual(200);
  });
});

describe('refusals of the modern era', () => {
  const data = {
    [-32020]: {},
    [-32021]: { requiredCapabilities: { sampling: { tools: {} } } },
    [-32022]: { supported: ['2026-07-28', '2031-01-01'], requested: '2026-07-28' },
  };
  const methods = ['tools/list', 'tools/call', 'prompts/get', 'resources/read', 'completion/complete'];

  test.each([-32020, -32021, -32022] as const)(
    '%d on every method, again and again, ends in one answer each [B-39] [B-40] [B-81] [M-38] [Q-01]',
    async (code) => {
      const remote = await modernRemote(() => {});
      const refuse = (exchange: Exchange) =>
        exchange.json(400, {
          jsonrpc: '2.0',
          id: exchange.id,
          error: { code, message: 'no', data: data[code] },
        });
      for (const method of methods) remote.on(method, refuse);
      const [legacy, modern] = [await legacyClient(remote), modernClient(remote)];
      const params = { name: 'echo', uri: 'a:b' };
      for (const method of methods) {
        const [old, now] = await Promise.all([legacy.request(method, params), ask(modern, method, params)]);
        expect([code, -31000]).toContain(now.error?.code);
        if (code === -32022)
          expect(now.error?.data.supported, 'what the bridge carries [M-51]').toEqual(['2026-07-28']);
        if (code === -32021 && method === 'tools/call')
          expect(old.result.content[0].text).toContain('sampling.tools');
        else expect([-31000, -32603]).toContain(old.error?.code);
      }
      expect(remote.requests.length, 'requests in all').toBeLessThan(60);
      expect(await legacy.request('ping')).toHaveProperty('result');
    },
  );
});

describe('a discovery that is none', () => {
  const answers: [string, (exchange: Exchange) => void][] = [
    ['garbage', (exchange) => exchange.body(200, '\u0000\u0001{]', { 'Content-Type': 'application/json' })],
    ['a page of HTML', (exchange) => exchange.body(200, '<html>hi</html>', { 'Content-Type': 'text/html' })],
    ['nothing', (exchange) => exchange.body(200, '', { 'Content-Type': 'application/json' })],
    ['204', (exchange) => exchange.status(204)],
    ['202', (exchange) => exchange.status(202)],
    ['a stream without an answer', (exchange) => exchange.sse().raw(': hello\n\n').end()],
    [
      "a stream of another's answer",
      (exchange) => exchange.sse().send({ jsonrpc: '2.0', id: 'x', result: discoverResult() }).end(),
    ],
    ['a list', (exchange) => exchange.json(200, '[]')],
    ['a result that is a text', (exchange) => exchange.result('hello')],
    [
      'an error without a code',
      (exchange) => exchange.json(200, { jsonrpc: '2.0', id: exchange.id, error: 'no' }),
    ],
    ['500', (exchange) => exchange.status(500)],
    ['a redirect to itself', (exchange) => exchange.redirect(307, '/mcp')],
    ['a redirect elsewhere', (exchange) => exchange.redirect(302, 'http://192.0.2.1/mcp')],
    [
      'revisions of no kind',
      (exchange) => exchange.result({ ...discoverResult(), supportedVersions: [null, 5, {}, '2031-01-01'] }),
    ],
    ['a cut connection', (exchange) => exchange.reset()],
  ];

  test.each(answers)('is answered once to each client: %s [B-89]', async (_, answer) => {
    const remote = beModern(await startFakeRemote()).on('server/discover', answer);
    const [legacy, modern] = [startBridge(remote.url), startBridge(remote.url)];
    const [first, second] = await Promise.all([
      legacy.request('initialize', initializeParams(), 9_000),
      ask(modern, 'server/discover'),
    ]);
    for (const message of [first, second]) {
      expect('result' in message !== 'error' in message).toBe(true);
      expectModernCode(message);
    }
    // Whatever the discovery was like: a call that the server takes is a call.
    remote.on('tools/call', (exchange) => exchange.result(done));
    const called = await callEcho(modern);
    expect('result' in called !== 'error' in called).toBe(true);
    expect(remote.of('tools/call').length).toBeLessThanOrEqual(1);
    expect(remote.requests.length).toBeLessThan(40);
  });

  const refusals: [string, (exchange: Exchange) => void][] = [
    [
      'an unknown method',
      (exchange) =>
        exchange.json(404, { jsonrpc: '2.0', id: exchange.id, error: { code: -32601, message: 'no' } }),
    ],
    ['a page', (exchange) => exchange.body(404, '<html>', { 'Content-Type': 'text/html' })],
    ['the revision', (exchange) => refuseRevision(exchange)],
    ['nothing to say', (exchange) => exchange.status(202)],
    ['403', (exchange) => exchange.status(403)],
  ];

  test.each(refusals)(
    'a server that says modern and then refuses all by %s gets few requests, and each client its answers',
    async (name, refuse) => {
      const remote = beModern(await startFakeRemote());
      for (const method of ['tools/list', 'tools/call', 'prompts/get', 'subscriptions/listen'])
        remote.on(method, refuse);
      const [legacy, modern] = [await legacyClient(remote), modernClient(remote)];
      expect(await ask(modern, 'server/discover')).toHaveProperty('result');
      for (const method of ['tools/list', 'tools/call', 'prompts/get', 'subscriptions/listen']) {
        const params = { name: 'echo', notifications: {} };
        const isListen = method === 'subscriptions/listen';
        // One that wants credentials may get them later: the subscription waits for that.
        if (isListen && name === '403') continue;
        const modernAnswer = await ask(modern, method, params);
        expectModernCode(modernAnswer);
        const legacyAnswer = isListen ? undefined : await legacy.request(method, params);
        for (const answer of [modernAnswer, legacyAnswer])
          if (answer) expect('error' in answer || answer.result.isError).toBeTruthy();
      }
      expect(remote.of('tools/call').length).toBeLessThanOrEqual(4);
      expect(remote.requests.length).toBeLessThan(50);
    },
  );
});

describe('a server that changes its era', () => {
  /** Puts another server in the place of one, as a deployment does. */
  async function replaced(remote: FakeRemote, options: FakeRemoteOptions): Promise<FakeRemote> {
    const { port } = remote;
    await remote.close();
    await delay(50); // for the bridges to see their connections close
    return startFakeRemote({ ...options, port });
  }

  test('to the legacy one is asked anew, and goes on with clients of both eras [B-12]', async () => {
    const remote = await modernRemote((exchange) => exchange.result(done));
    const [legacy, modern] = [await legacyClient(remote), modernClient(remote)];
    await Promise.all([legacy.callTool('echo'), callEcho(modern)]);
    const successor = await replaced(remote, { session: true, gate: refusesModern });
    successor.on('tools/call', (exchange) => exchange.result(textResult('from the old one')));
    for (const bridge of [legacy, modern, legacy, modern]) {
      const answer = await (bridge === modern ? callEcho(bridge) : bridge.callTool('echo'));
      expect(answer.result?.content[0].text, JSON.stringify(answer)).toBe('from the old one');
    }
    const taken = successor.of('tools/call').filter(({ headers }) => headers['mcp-session-id'] !== undefined);
    expect(taken, 'once each').toHaveLength(4);
    expect(successor.sessions, 'one for each client').toBe(2);
  });

  test('to the modern one is asked anew, and goes on with clients of both eras [B-12] [B-14]', async () => {
    const remote = await startFakeRemote({ session: true, gate: refusesModern });
    const [legacy, modern] = [await legacyClient(remote), modernClient(remote)];
    await Promise.all([legacy.callTool('echo'), callEcho(modern)]);
    const successor = await replaced(remote, {});
    beModern(successor).on(
      'tools/call',
      inModernForm((exchange) => exchange.result(done)),
    );
    for (const bridge of [legacy, modern]) {
      const answer = await (bridge === modern ? callEcho(bridge) : bridge.callTool('echo'));
      expect(answer.result?.content[0].text, JSON.stringify(answer)).toBe('done');
    }
    const taken = successor.of('tools/call').filter(({ headers }) => headers['mcp-method'] === 'tools/call');
    expect(taken).toHaveLength(2);
  });
});

/** Takes what is in the form of the modern era, and nothing else. */
function inModernForm(handler: Handler): Handler {
  return (exchange) => {
    const isModern = exchange.request.headers['mcp-protocol-version'] === '2026-07-28';
    return isModern ? handler(exchange) : refuseRevision(exchange);
  };
}
