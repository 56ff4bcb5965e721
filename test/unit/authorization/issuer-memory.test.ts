import { afterEach, expect, test, vi } from 'vitest';
import { IssuerMemory } from '../../../src/authorization/issuer-memory.ts';
import { put } from '../../../src/authorization/stored-credentials.ts';
import { idOf } from '../../../src/credentials/ids.ts';
import { ISSUER, newStore, SERVER } from '../helpers/oauth-parts.ts';

const nothing = { resource: false, scope: undefined };

afterEach(() => {
  vi.useRealTimers();
});

test('what an authorization server has refused is remembered, also by other processes (DESIGN rule 10, M4, M6)', async () => {
  const { store } = newStore();
  const memory = new IssuerMemory(store, ISSUER, SERVER);
  expect(memory.read()).toEqual(nothing);
  await memory.remember({ resource: true, scope: undefined });
  expect(new IssuerMemory(store, ISSUER, SERVER).read()).toEqual({ resource: true, scope: undefined });
  await memory.remember({ resource: true, scope: 'a b' });
  expect(memory.read()).toEqual({ resource: true, scope: 'a b' });
});

test('of one issuer and for one server only [25]', async () => {
  const { store } = newStore();
  await new IssuerMemory(store, ISSUER, SERVER).remember({ resource: true, scope: 'a' });
  expect(new IssuerMemory(store, `${ISSUER}/`, SERVER).read()).toEqual(nothing);
  expect(new IssuerMemory(store, ISSUER, 'https://mcp.example/other').read()).toEqual(nothing);
});

test('for thirty days: the server may have learned it by then', async () => {
  const { store } = newStore();
  const memory = new IssuerMemory(store, ISSUER, SERVER);
  await memory.remember({ resource: true, scope: 'a' });
  const now = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: now + 29 * 24 * 3_600_000 });
  expect(memory.read().resource).toBe(true);
  vi.setSystemTime(now + 31 * 24 * 3_600_000);
  expect(memory.read()).toEqual(nothing);
});

test.each([
  7,
  null,
  'x',
  {},
  { schema: 2, at: Date.now(), resource: true },
  { schema: 1, resource: true },
  { schema: 1, at: 'x', resource: true },
])('another shape (%j) counts as nothing', async (value) => {
  const { store } = newStore();
  await put(store, 'issuer', idOf('issuer', ISSUER, SERVER), value);
  expect(new IssuerMemory(store, ISSUER, SERVER).read()).toEqual(nothing);
});
