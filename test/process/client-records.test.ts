import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { legacyRemote, modernRemote } from '../support/era-hostile.ts';
import { textResult } from '../support/fake-answers.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import type { Message } from '../support/json-rpc.ts';

const folder = new URL('../fixtures/clients/', import.meta.url);

/** What each client has sent to one bridge, from its first line on (`scripts/real-clients.mjs --record`). */
const records = readdirSync(folder)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));

const linesOf = (text: string): string[] => text.split('\n').filter(Boolean);

const echo = (exchange: Exchange): void => {
  const { message } = exchange.request;
  exchange.result({ resultType: 'complete', ...textResult(JSON.stringify(message?.params?.arguments)) });
};

/** Opens the stream of a subscription, and has nothing to tell in it. */
const acknowledge = (exchange: Exchange): void => {
  const { id } = exchange;
  const { notifications } = exchange.request.message?.params ?? {};
  const _meta = { 'io.modelcontextprotocol/subscriptionId': id };
  const method = 'notifications/subscriptions/acknowledged';
  exchange.sse().send({ jsonrpc: '2.0', method, params: { _meta, notifications } });
};

const remotes = {
  'up to 2025-11-25': () => legacyRemote(echo),
  'of 2026-07-28': async () => (await modernRemote(echo)).on('subscriptions/listen', acknowledge),
};

/** What must be true of the answer to a request, by its method; any answer will do for the others. */
const expected: Record<string, (answer: Message, request: Message) => void> = {
  initialize: ({ result }, { params }) => expect(result?.protocolVersion).toBe(params.protocolVersion),
  'server/discover': ({ result }) => expect(result?.supportedVersions).toContain('2026-07-28'),
  'tools/list': ({ result }) =>
    expect(result?.tools.map(({ name }: { name: string }) => name)).toEqual(['echo']),
  'tools/call': ({ result }) => expect(result?.content[0]?.text).toBe('{"message":"hello"}'),
  ping: ({ result }) => expect(result).toBeDefined(),
};

describe.each(Object.entries(remotes))('in front of a server %s', (_era, start) => {
  test.each(records)('$name: each request is answered once, as the client needs it', async ({ text }) => {
    const remote = await start();
    const bridge = startBridge(remote.url);
    for (const line of linesOf(text)) {
      bridge.sendRaw(`${line}\n`);
      const message = JSON.parse(line) as Message;
      const { id, method } = message;
      if (method === undefined || id === undefined || id === null) continue;
      if (method === 'subscriptions/listen') {
        // It is answered when it ends.
        await bridge.nextMessage((told) => told.method === 'notifications/subscriptions/acknowledged');
        continue;
      }
      const answer = await bridge.answer(id);
      expected[method]?.(answer, message);
    }
    bridge.closeStdin();
    expect((await bridge.exitWithin(3000)).code).toBe(0);
    expect(bridge.stderr).toBe('');
  });
});

describe('the records', () => {
  test('are of each client that is tried', async () => {
    // @ts-expect-error a script without types
    const { clients } = await import('../../scripts/lib/real-clients.mjs');
    const names = new Set(records.map(({ name }) => name.replace(/-\d+\.jsonl$/, '')));
    expect([...names].sort()).toEqual(clients.map(({ name }: { name: string }) => name).sort());
  });

  test.each(records)('$name begins with its first line, and names nobody and no machine', ({ text }) => {
    const { method, params } = JSON.parse(linesOf(text)[0] ?? '') as Message;
    const isModern = params?._meta?.['io.modelcontextprotocol/protocolVersion'] === '2026-07-28';
    expect(method === 'initialize' || isModern).toBe(true);
    expect(text).not.toMatch(/\/(tmp|root|Users)\b|\/home\/(?!user\b)|word-|real-clients/);
    expect(text.replaceAll('00000000-0000-4000-8000-000000000000', '')).not.toMatch(
      /[0-9a-f]{8}-[0-9a-f]{4}-/,
    );
  });
});
