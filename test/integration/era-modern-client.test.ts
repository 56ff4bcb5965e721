import { beforeAll, describe, expect, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { type Everything, startEverything } from '../support/everything.ts';
import type { Message } from '../support/json-rpc.ts';
import { textOf } from '../support/sdk-client.ts';
import { type SdkRemote, startSdkRemote } from '../support/sdk-remote.ts';
import { until } from '../support/wait.ts';

const everyCapability = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

const withMeta = (params: object, more: object = {}) => ({
  ...params,
  _meta: {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': everyCapability,
    ...more,
  },
});

/** A client of the modern era that keeps to the letter: each request says all that it needs. */
function modernly(bridge: BridgeProcess) {
  const request = (method: string, params: object = {}, more?: object): Promise<Message> =>
    bridge.request(method, withMeta(params, more), 15_000);
  return {
    request,
    call: (name: string, args: object = {}, more: object = {}) =>
      request('tools/call', { name, arguments: args, ...more }),
  };
}

/** Answers what the first answer asks, each by its method. */
const answersTo = ({ result }: Message, answers: Record<string, object>) => ({
  requestState: result.requestState,
  inputResponses: Object.fromEntries(
    Object.entries(result.inputRequests as Record<string, { method: string }>).map(([key, { method }]) => [
      key,
      answers[method],
    ]),
  ),
});

/** How often a tool was called in a session: what came without one was refused, and told the bridge the server's era. */
const callsIn = (remote: SdkRemote, tool: string): number =>
  remote.of('tools/call').filter(({ session, message }) => session && message?.params?.name === tool).length;

const accepted = { action: 'accept', content: { name: 'Ada' } };
const asked = { 'elicitation/create': accepted };

describe.each<['sse' | 'streamableHttp', string]>([
  ['sse', 'without a link between request and answer [B-65]'],
  ['streamableHttp', 'on a stream for each request [B-60]'],
])('the reference server over %s, %s', (transport) => {
  let everything: Everything;
  beforeAll(async () => {
    everything = await startEverything(transport);
    return () => everything.close();
  });

  test('says what it is, and lists its tools in the modern form [B-57] [B-72] [M-75]', async () => {
    const client = modernly(startBridge(everything.url));
    const { result } = await client.request('server/discover');
    expect(result).toMatchObject({
      supportedVersions: ['2026-07-28'],
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'mcp-servers/everything' } },
    });
    expect(Object.keys(result.capabilities)).not.toContain('tasks');
    const { tools } = (await client.request('tools/list')).result;
    expect(tools.some((tool: object) => 'execution' in tool)).toBe(false);
    expect(textOf((await client.call('get-sum', { a: 1, b: 2 })).result)).toContain('3');
  });

  test('asks for a sample, and for a page to be visited before the call is made [B-60] [B-68]', async () => {
    const client = modernly(startBridge(everything.url));
    const args = { prompt: 'hi', maxTokens: 5 };
    const sampled = {
      role: 'assistant',
      model: 'none',
      content: { type: 'text', text: 'sampled by the client' },
    };
    const first = await client.call('trigger-sampling-request', args);
    const answers = answersTo(first, { 'sampling/createMessage': sampled });
    expect(textOf((await client.call('trigger-sampling-request', args, answers)).result)).toContain(
      'sampled by the client',
    );

    const page = { url: 'https://pay.example/1', errorPath: true };
    const visit = await client.call('trigger-url-elicitation', page);
    expect(visit.result.resultType).toBe('input_required');
    // The server then asks once more, in the course of the call that is made again.
    const again = await client.call('trigger-url-elicitation', page, answersTo(visit, asked));
    expect(Object.values(again.result.inputRequests)).toMatchObject([
      { params: { url: 'https://pay.example/1' } },
    ]);
    const last = await client.call('trigger-url-elicitation', page, answersTo(again, asked));
    expect(last.result.resultType).toBe('complete');
  });

  test('runs a tool as a task, which asks in its course [B-77]', async () => {
    const client = modernly(startBridge(everything.url));
    await client.request('tools/list');
    const args = { topic: 'python', ambiguous: true };
    // The server asks for roots by itself, 350 ms after the handshake: they belong to the only call that there is.
    const answers = {
      'elicitation/create': { action: 'accept', content: { interpretation: 'snake' } },
      'roots/list': { roots: [] },
    };
    let answer = await client.call('simulate-research-query', args);
    while (answer.result.resultType === 'input_required')
      answer = await client.call('simulate-research-query', args, answersTo(answer, answers));
    const { result } = answer;
    expect(textOf(result)).toContain('python (snake)');
  });
});

test('a restarted bridge does not run a tool again that waits for answers [B-62]', async () => {
  const remote = await startSdkRemote();
  const first = startBridge(remote.url);
  const question = await modernly(first).call('elicit');
  expect(question.result.resultType).toBe('input_required');
  first.closeStdin();
  await first.exitWithin(5000);
  const { error } = await modernly(startBridge(remote.url)).call('elicit', {}, answersTo(question, asked));
  expect(error?.code).toBe(-32602);
  expect(callsIn(remote, 'elicit')).toBe(1);
});

test('a server that forgets its sessions fails the call that waits, and serves the next one [B-62] [B-71]', async () => {
  const remote = await startSdkRemote();
  const client = modernly(startBridge(remote.url));
  const question = await client.call('elicit');
  await remote.forgetSessions();
  expect(textOf((await client.call('echo', { message: 'hi' })).result)).toBe('hi');
  const { error } = await client.call('elicit', {}, answersTo(question, asked));
  expect(error?.code).toBe(-31000);
  expect(error?.message).toMatch(/may (or may not )?have run/);
  expect(callsIn(remote, 'elicit')).toBe(1);
});

test('a broken stream of a call that waits is resumed, and the call goes on [L-37] [B-60]', async () => {
  const remote = await startSdkRemote({ resumeAfter: 100 });
  const client = modernly(startBridge(remote.url));
  const question = await client.call('elicit');
  remote.cutConnections();
  const { result } = await client.call('elicit', {}, answersTo(question, asked));
  expect(JSON.parse(textOf(result) as string)).toEqual(accepted);
});

test('a call that is cancelled while it waits again is cancelled at the server [B-63]', async () => {
  const remote = await startSdkRemote();
  const bridge = startBridge(remote.url);
  bridge.send({
    jsonrpc: '2.0',
    id: 'slow',
    method: 'tools/call',
    params: withMeta({ name: 'slow', arguments: { ms: 9000 } }),
  });
  await until('the start of the tool', () => remote.calls.includes('slow'));
  bridge.notify('notifications/cancelled', withMeta({ requestId: 'slow' }));
  await until('its end', () => remote.cancelled.includes('slow'));
  expect(textOf((await modernly(bridge).call('echo', { message: 'alive' })).result)).toBe('alive');
  expect(bridge.messages.some(({ id }) => id === 'slow')).toBe(false);
});

test('a question that the server takes back is not waited for', async () => {
  const remote = await startSdkRemote();
  const client = modernly(startBridge(remote.url));
  const question = await client.call('impatient');
  await new Promise((resolve) => setTimeout(resolve, 300));
  const answers = answersTo(question, {
    'sampling/createMessage': { role: 'assistant', model: 'm', content: [] },
  });
  expect(textOf((await client.call('impatient', {}, answers)).result)).toBe('given up');
});

test('big integers and results of many megabytes come through [B-88]', async () => {
  const remote = await startSdkRemote({ json: true });
  const bridge = startBridge(remote.url);
  const { result } = await modernly(bridge).call('big', { size: 12_000_000 });
  expect(textOf(result)).toHaveLength(12_000_000);
  expect(result.resultType).toBe('complete');
});
