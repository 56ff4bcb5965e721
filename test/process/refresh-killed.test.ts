import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { initialize, type OAuthStage, oauthStage } from '../support/oauth-stage.ts';
import { goneWithin } from '../support/processes.ts';
import { generationOf, storedConnections } from '../support/stored-connection.ts';
import { until } from '../support/wait.ts';

const open = (bridge: BridgeProcess): void =>
  bridge.send({ jsonrpc: '2.0', id: 'open', method: 'initialize', params: {} });

interface Held {
  stage: OAuthStage;
  /** Lets the authorization server act on the request, and answer. */
  release: () => void;
  holder: BridgeProcess;
}

/** A bridge whose refresh has come to the authorization server, which does nothing about it yet. */
async function refreshUnderWay(): Promise<Held> {
  const stage = await oauthStage();
  await stage.signIn();
  stage.server.expireAccessTokens();
  let release: (() => void) | undefined;
  stage.server.once('token', (_exchange, usual) => {
    release = usual;
  });
  const holder = stage.bridge();
  open(holder);
  await until('the refresh', () => release, 20_000);
  return { stage, holder, release: () => release?.() };
}

async function kill(bridge: BridgeProcess): Promise<void> {
  bridge.kill('SIGKILL');
  await goneWithin(bridge.pid, 10_000);
}

/** Three bridges that wait for the one that refreshes. */
function followers(stage: OAuthStage): Promise<unknown>[] {
  return [stage.bridge(), stage.bridge(), stage.bridge()].map((bridge) => initialize(bridge));
}

async function expectConnected(answers: Promise<unknown>[]): Promise<void> {
  for (const answer of await Promise.all(answers)) expect(answer).toHaveProperty('result');
}

describe('a bridge that is killed while it holds the lock [T65]', () => {
  test('before it has sent the refresh: another one does it', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    stage.server.expireAccessTokens();
    const before = generationOf(stage);
    await stage.server.stop();
    const holder = stage.bridge();
    open(holder);
    // It has written what it is about to do, and finds nobody to send it to.
    await until('the note in the store', () => generationOf(stage) > before, 20_000);
    expect(storedConnections(stage)[0]?.refreshPending).toBe(true);
    await kill(holder);
    await stage.server.start();
    await expectConnected(followers(stage));
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });

  test('after it has sent the refresh, which comes to nothing: another one does it', async () => {
    const { stage, holder } = await refreshUnderWay();
    const answers = followers(stage);
    await kill(holder);
    await expectConnected(answers);
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });

  test('before it gets the answer: one sign-in at the most [R6]', async () => {
    const { stage, holder, release } = await refreshUnderWay();
    await kill(holder);
    release();
    await until('the grant', () => stage.server.grants('refresh_token') === 1);
    await expectConnected(followers(stage));
    expect(stage.server.grants('refresh_token')).toBe(1);
    expect([stage.server.reuses, stage.windows]).toEqual([1, 2]);
  });

  test('as soon as the answer is out: the store is as before or after, and one sign-in at the most [R6]', async () => {
    const { stage, holder, release } = await refreshUnderWay();
    const answers = followers(stage);
    release();
    await kill(holder);
    await expectConnected(answers);
    expect(stage.server.grants('refresh_token')).toBe(1);
    expect(stage.windows).toBeLessThanOrEqual(2);
    expect(stage.windows - 1).toBe(stage.server.reuses);
    expect(storedConnections(stage)).toHaveLength(1);
  });

  test('by the end of its input is not killed before the token is stored [65]', async () => {
    const { stage, holder, release } = await refreshUnderWay();
    holder.closeStdin();
    release();
    await holder.exitWithin(10_000);
    await expectConnected([initialize(stage.bridge())]);
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });
});

describe('a bridge that is stopped while it holds the lock [T67]', () => {
  test('keeps it: the others tell their clients, and nobody refreshes twice', {
    timeout: 90_000,
  }, async () => {
    const { stage, holder, release } = await refreshUnderWay();
    holder.kill('SIGSTOP');
    const follower = stage.bridge();
    const since = performance.now();
    const { error } = await initialize(follower);
    expect(error?.data).toMatchObject({ reason: 'timeout' });
    expect(performance.now() - since).toBeLessThan(15_500);
    expect(stage.server.of('token')).toHaveLength(2);
    holder.kill('SIGCONT');
    release();
    // Its own clock went on while it was stopped: its client may have been told the same.
    await holder.answer('open', 30_000);
    await expectConnected([initialize(follower), initialize(holder)]);
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });
});
