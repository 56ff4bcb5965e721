import { afterEach, expect, test, vi } from 'vitest';
import { put } from '../../../src/authorization/stored-credentials.ts';
import { StoredServerMemory } from '../../../src/bridge/stored-server-memory.ts';
import { idOf } from '../../../src/credentials/ids.ts';

import { DrawbridgeError } from '../../../src/errors.ts';
import { newStore, openStore, SERVER } from '../helpers/oauth-parts.ts';
import { recordingLogger } from '../helpers/recording-logger.ts';

const result = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 's', version: '1' },
};

afterEach(() => {
  vi.restoreAllMocks();
});

function start() {
  const { store, folder } = newStore();
  const { log, lines } = recordingLogger();
  const memoryOf = (server: string, profile: string, of = store) =>
    new StoredServerMemory(of, server, profile, log);
  return { store, folder, lines, memoryOf, memory: memoryOf(SERVER, 'default') };
}

test('a server’s answer to initialize is there for the next process', async () => {
  const { memory, memoryOf, folder } = start();
  expect(memory.read()).toBeUndefined();
  memory.remember(result);
  const other = memoryOf(SERVER, 'default', openStore(folder));
  await vi.waitFor(() => expect(other.read()).toEqual(result));
});

test('for one server and one profile', async () => {
  const { memory, memoryOf } = start();
  memory.remember(result);
  await vi.waitFor(() => expect(memory.read()).toEqual(result));
  expect(memoryOf(SERVER, 'work').read()).toBeUndefined();
  expect(memoryOf('https://mcp.example/other', 'default').read()).toBeUndefined();
});

test('the same again is not written, another one is', async () => {
  const { memory, store } = start();
  memory.remember(result);
  await vi.waitFor(() => expect(memory.read()).toEqual(result));
  const write = vi.spyOn(store, 'write');
  memory.remember(structuredClone(result));
  expect(write).not.toHaveBeenCalled();
  memory.remember({ ...result, instructions: 'new' });
  await vi.waitFor(() => expect(memory.read()).toHaveProperty('instructions'));
});

test('one that is large is not remembered', async () => {
  const { memory, store } = start();
  const write = vi.spyOn(store, 'write');
  memory.remember({ ...result, instructions: 'x'.repeat(64 * 1024) });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(write).not.toHaveBeenCalled();
});

test('two bridges that have heard it at once do not disturb each other', async () => {
  const { memory, memoryOf, folder } = start();
  const other = memoryOf(SERVER, 'default', openStore(folder));
  memory.remember(result);
  other.remember(result);
  await vi.waitFor(() => expect(memory.read()).toEqual(result));
});

test('a store that can not be used is no hindrance: nothing is remembered', async () => {
  const { memory, store, lines } = start();
  const fault = new DrawbridgeError('credential-store', 'locked');
  vi.spyOn(store, 'read').mockImplementation(() => {
    throw fault;
  });
  expect(memory.read()).toBeUndefined();
  expect(() => memory.remember(result)).not.toThrow();
  await vi.waitFor(() => expect(lines.map(({ event }) => event)).toContain('server memory not written'));
  vi.mocked(store.read).mockRestore();
  vi.spyOn(store, 'write').mockRejectedValue(fault);
  memory.remember(result);
  await vi.waitFor(() => expect(lines.at(-1)?.fields).toEqual({ reason: 'credential-store' }));
});

test.each([7, null, {}, { schema: 2, initialize: result }, { schema: 1, initialize: 'x' }])(
  'another shape (%j) counts as nothing',
  async (value) => {
    const { memory, store } = start();
    await put(store, 'memory', idOf('memory', SERVER, 'default'), value);
    expect(memory.read()).toBeUndefined();
  },
);
