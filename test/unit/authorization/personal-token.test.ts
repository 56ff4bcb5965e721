import { afterEach, describe, expect, test, vi } from 'vitest';
import { savePersonalToken } from '../../../src/authorization/stored-credentials.ts';
import { findConnections } from '../../../src/credentials/record.ts';
import { challenge, stage, stepUp } from '../helpers/authorizer-stage.ts';
import { connectionRecord, newStore, SERVER, storeConnection } from '../helpers/oauth-parts.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A bridge whose connection has a personal access token. */
async function personal(expiresAt?: number) {
  const all = await stage();
  const url = new URL(all.remote.url);
  const save = (token: string) => savePersonalToken(all.store, url, 'default', token, expiresAt);
  await save('pat-1');
  const authorizer = all.bridge();
  const tell = (used: string | undefined = 'Bearer pat-1') => authorizer.challenged(challenge(used));
  return { ...all, save, authorizer, tell, command: `run: npx -y mcp-drawbridge login ${url} --with-token` };
}

describe('a personal access token', () => {
  test('is what requests carry, whichever client and issuer are configured', async () => {
    const { authorizer, bridge, save } = await personal();
    expect(authorizer.credential()).toBe('Bearer pat-1');
    const more = { clientId: 'mine', issuer: 'https://as.example' };
    expect(bridge(more).credential()).toBe('Bearer pat-1');
    await save('pat-2');
    expect(bridge().credential()).toBe('Bearer pat-2');
  });

  test('refused after it was accepted: revoked, and nobody is asked to sign in', async () => {
    const { authorizer, tell, command, program, server } = await personal();
    authorizer.accepted('Bearer pat-1');
    const failure = await tell();
    expect(failure).toMatchObject({ reason: 'unauthorized', details: { status: 401 } });
    expect(failure?.message).toContain('was revoked: it was accepted before, and is refused now');
    expect(failure?.message).toContain(command);
    expect([program.starts, server.requests, authorizer.signIn]).toEqual([[], [], undefined]);
  });

  test('refused at once: that may have two reasons', async () => {
    const { tell, command } = await personal();
    const failure = await tell();
    expect(failure?.message).toMatch(/it was revoked, or was never good for this server; /);
    expect(failure?.message).toContain(command);
  });

  test('expired by its own word', async () => {
    const { tell, command } = await personal(Date.UTC(2026, 0, 2));
    const failure = await tell();
    expect(failure?.message).toContain('expired on 2026-01-02; ');
    expect(failure?.message).toContain(command);
  });

  test('removed while the bridge runs: missing, for this request and the next', async () => {
    const { store, tell, command, program, authorizer, remote } = await personal();
    const [found] = findConnections(store, remote.url, 'default');
    await store.delete('connection', found?.id as string);
    for (const used of ['Bearer pat-1', undefined]) {
      const failure = await authorizer.challenged(challenge(used));
      expect(failure?.message).toContain('is missing: it was removed here; ');
      expect(failure?.message).toContain(command);
    }
    expect([await tell(), program.starts]).toEqual([expect.anything(), []]);
  });

  test('another one in its place is taken without a word', async () => {
    const { save, tell, authorizer } = await personal();
    await save('pat-2');
    expect(await tell()).toBeUndefined();
    expect(authorizer.credential()).toBe('Bearer pat-2');
  });

  test('a permission that it lacks is no reason to sign in', async () => {
    const { authorizer, program } = await personal();
    const failure = await authorizer.challenged(stepUp('Bearer pat-1', 'write'));
    expect(failure).toMatchObject({ reason: 'insufficient-scope' });
    expect(program.starts).toEqual([]);
  });
});

describe('the record of one', () => {
  test('has no refresh token, and is of the server itself', async () => {
    const { store } = newStore();
    const record = await savePersonalToken(store, new URL(SERVER), 'work', 'pat', 7);
    expect(record).toMatchObject({
      profile: 'work',
      issuer: 'https://mcp.example',
      resource: null,
      client: { source: 'configured', authMethod: 'none' },
      expiresAt: 7,
      personalToken: true,
    });
    expect(record).not.toHaveProperty('refreshToken');
    expect(findConnections(store, SERVER, 'work').map((one) => one.record)).toEqual([record]);
  });

  test('is the latest in any case; a sign-in that was there is kept behind it', async () => {
    const { store } = newStore();
    await storeConnection(store, connectionRecord({ signedInAt: Date.now() + 60_000 }));
    await savePersonalToken(store, new URL(SERVER), 'default', 'pat', undefined);
    const tokens = findConnections(store, SERVER, 'default').map(({ record }) => record.accessToken);
    expect(tokens).toEqual(['pat', 'access-1']);
  });
});
