import { setTimeout as delay } from 'node:timers/promises';
import type { EraClient } from './era-client.ts';
import { textOf } from './sdk-client.ts';
import { until } from './wait.ts';

export type RemoteName = 'v1 stateful' | 'v1 stateless' | 'v2 modern' | 'v2 dual' | 'v2 json';

/** One client in front of the bridge in front of one remote. */
interface Pairing {
  client: EraClient;
  /** How long it is waited for what may never come, in milliseconds. */
  patience: number;
  remote: {
    cancelled: string[];
    calls: string[];
    of(
      what: string,
    ): { message: { params?: { name?: unknown } } | undefined; headers?: Record<string, string> }[];
  };
}

interface Exercise {
  /** With the numbers of the checklist that it is about. */
  name: string;
  run: (pairing: Pairing) => Promise<unknown>;
  expected: unknown;
  /** Where it is otherwise by the rules of the revision, or by the SDK: with this remote, or this era before it. */
  instead?: { [where in RemoteName | `${EraClient['era']}, ${RemoteName}`]?: unknown };
}

/** A server that knows no sessions asks in an answer's stream, and never learns what the client answers. */
const askedInVain = { 'v1 stateless': 'asked, and the answer reaches nobody' };
const noStreams = { 'v1 stateless': 'nothing came' };
const notOffered = { 'v1 stateful': 'no such tool', 'v1 stateless': 'no such tool' };

const counter = 'test://counter';

async function asking({ client, patience }: Pairing, tool: string): Promise<unknown> {
  const before = client.seen.asked.length;
  try {
    return textOf(await client.call(tool, {}, { timeout: patience }));
  } catch (error) {
    const asked = client.seen.asked.length - before;
    return asked === 1 ? askedInVain['v1 stateless'] : String(error);
  }
}

/** What came, or that nothing did in the time that it may take. */
async function soon<T>(
  { patience }: Pairing,
  read: () => Promise<T | undefined>,
): Promise<T | 'nothing came'> {
  return await until('it', read, patience).catch(() => 'nothing came' as const);
}

const offers = async ({ client }: Pairing, tool: string) =>
  (await client.client.listTools()).tools.some(({ name }) => name === tool);

export const exercises: Exercise[] = [
  {
    name: 'the list of tools, and a call',
    run: async (pairing) => [
      await offers(pairing, 'echo'),
      textOf(await pairing.client.call('echo', { message: 'hi' })),
    ],
    expected: [true, 'hi'],
  },
  {
    name: 'a tool error',
    run: async ({ client }) => {
      const { isError, content } = await client.call('fail');
      return { isError, content };
    },
    expected: { isError: true, content: [{ type: 'text', text: 'it failed' }] },
  },
  {
    name: 'structured content that is an object',
    run: async ({ client }) => (await client.call('structured')).structuredContent,
    expected: { degrees: 21 },
  },
  {
    name: 'structured content that is no object [B-32, B-33]',
    run: async (pairing) => {
      if (!(await offers(pairing, 'structured_list'))) return 'no such tool';
      const { content, structuredContent } = await pairing.client.call('structured_list');
      return { content, structuredContent };
    },
    expected: { content: [{ type: 'text', text: '[1,2,3]' }], structuredContent: [1, 2, 3] },
    instead: {
      ...notOffered,
      ...Object.fromEntries(
        ['v2 modern', 'v2 dual', 'v2 json'].map((remote) => [
          `legacy, ${remote}`,
          { content: [{ type: 'text', text: '[1,2,3]' }], structuredContent: undefined },
        ]),
      ),
    },
  },
  {
    name: 'an argument that is a header [M-14]',
    run: async (pairing) => {
      if (!(await offers(pairing, 'in_region'))) return 'no such tool';
      await pairing.client.call('in_region', { region: 'Süd' });
      const calls = pairing.remote.of('tools/call');
      return calls.find(({ message }) => message?.params?.name === 'in_region')?.headers?.[
        'mcp-param-region'
      ];
    },
    expected: `=?base64?${Buffer.from('Süd').toString('base64')}?=`,
    instead: notOffered,
  },
  {
    name: 'progress in order, before the result [B-38, B-87]',
    run: async ({ client }) => {
      const result = await client.call('progress', { steps: 3 }, { progressToken: 'mine' });
      const { progress } = client.seen;
      return [textOf(result), progress.length === 0 ? 'nothing came' : progress];
    },
    expected: ['3 steps', [1, 2, 3]],
    // The SDK's server that answers with JSON only drops what it has no stream for.
    instead: { 'v2 json': ['3 steps', 'nothing came'] },
  },
  {
    // A legacy server may log unasked, a modern one must not; nor may a modern client be told what it did not ask for.
    name: 'log messages, to those who want them [B-30, B-66]',
    run: async ({ client }) => {
      const { logged } = client.seen;
      await client.call('log', { data: 'unasked' });
      await client.setLogLevel('debug');
      await client.call('log', { data: 'asked' });
      await client.setLogLevel('error');
      return logged;
    },
    expected: ['asked'],
    instead: {
      'legacy, v1 stateful': ['unasked', 'asked'],
      'legacy, v1 stateless': ['unasked', 'asked'],
      'v2 json': [],
    },
  },
  {
    name: 'updates of a resource [B-35, B-67]',
    run: async (pairing) => {
      const { client } = pairing;
      await client.follow(counter);
      return await soon(pairing, async () => {
        await client.call('touch');
        await delay(50);
        return client.seen.updated[0];
      });
    },
    expected: counter,
    instead: noStreams,
  },
  {
    name: 'changes of the list of tools [L-35, B-34]',
    run: async (pairing) => {
      const { client } = pairing;
      let count = 0;
      const change = await soon(pairing, async () => {
        await client.call('add_tool', { name: `added_${count++}` });
        await delay(50);
        return client.seen.toolListChanges > 0 || undefined;
      });
      return change === true ? await offers(pairing, 'added_0') : change;
    },
    expected: true,
    instead: noStreams,
  },
  {
    name: 'elicitation with a form [B-43, B-60, M-55]',
    run: async (pairing) => await asking(pairing, 'elicit'),
    expected: JSON.stringify({ action: 'accept', content: { name: 'Ada' } }),
    instead: askedInVain,
  },
  {
    name: 'elicitation with a URL [B-45]',
    run: async (pairing) => {
      const outcome = await asking(pairing, 'elicit_url');
      const { params } = pairing.client.seen.asked.at(-1) ?? {};
      return [outcome, params?.url, typeof params?.elicitationId];
    },
    expected: [JSON.stringify({ action: 'accept' }), 'https://pay.example/1', 'undefined'],
    instead: {
      'v1 stateless': [askedInVain['v1 stateless'], 'https://pay.example/1', 'undefined'],
      'legacy, v1 stateless': [askedInVain['v1 stateless'], 'https://pay.example/1', 'string'],
      ...Object.fromEntries(
        ['v1 stateful', 'v2 modern', 'v2 dual', 'v2 json'].map((remote) => [
          `legacy, ${remote}`,
          [JSON.stringify({ action: 'accept' }), 'https://pay.example/1', 'string'],
        ]),
      ),
    },
  },
  {
    name: 'sampling [B-43, B-60]',
    run: async (pairing) => await asking(pairing, 'sample'),
    expected: JSON.stringify({ type: 'text', text: 'sampled' }),
    instead: askedInVain,
  },
  {
    name: 'roots [B-43, B-60]',
    run: async (pairing) => await asking(pairing, 'roots'),
    expected: JSON.stringify([{ uri: 'file:///a' }]),
    instead: askedInVain,
  },
  {
    name: 'two rounds of questions for one call [B-43, B-60, M-57]',
    run: async (pairing) => await asking(pairing, 'two_rounds'),
    expected: 'Ada likes blue',
    instead: askedInVain,
  },
  {
    name: 'a cancellation that the server sees [L-59, M-43, B-19]',
    run: async (pairing) => {
      const { client, remote } = pairing;
      const abort = new AbortController();
      const call = client.call('slow', { ms: 20_000 }, { signal: abort.signal });
      const failed = call.then(
        () => 'answered',
        () => 'given up',
      );
      await until('the start of the tool', () => remote.calls.includes('slow'));
      abort.abort('no longer needed');
      const seen = await soon(pairing, async () => (remote.cancelled.includes('slow') ? 'seen' : undefined));
      const alive = await client.call('echo', { message: 'alive' });
      return [await failed, seen, textOf(alive)];
    },
    expected: ['given up', 'seen', 'alive'],
    instead: { 'v1 stateless': ['given up', 'nothing came', 'alive'] },
  },
  {
    name: 'a prompt, and the completion of its argument',
    run: async ({ client: { client } }) => {
      const { messages } = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } });
      const { completion } = await client.complete({
        ref: { type: 'ref/prompt', name: 'greet' },
        argument: { name: 'name', value: 'A' },
      });
      return [messages[0]?.content, completion.values];
    },
    expected: [{ type: 'text', text: 'Hello Ada' }, ['Ada', 'Alan']],
  },
  {
    name: 'a resource, and one that is missing [B-42]',
    run: async ({ client: { client } }) => {
      const { contents } = await client.readResource({ uri: counter });
      const { code } = await client.readResource({ uri: 'test://nothing' }).then(
        () => ({ code: undefined }),
        (error) => error as { code: unknown },
      );
      return [contents, code];
    },
    expected: [[{ uri: counter, text: '1' }], -32602],
    instead: Object.fromEntries(
      ['v2 modern', 'v2 dual', 'v2 json'].map((remote) => [
        `legacy, ${remote}`,
        [[{ uri: counter, text: '1' }], -32002],
      ]),
    ),
  },
  {
    name: 'a result of 4 MB beside thirty calls at once [B-86]',
    run: async ({ client }) => {
      const size = 4_000_000;
      const messages = Array.from({ length: 30 }, (_, i) => `m${i}`);
      const [big, ...small] = await Promise.all([
        client.call('big', { size }),
        ...messages.map((message) => client.call('echo', { message })),
      ]);
      return [textOf(big).length === size, small.map(textOf).join() === messages.join()];
    },
    expected: [true, true],
  },
];
