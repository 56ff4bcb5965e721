import { describe, expect, test } from 'vitest';
import { FixedCredentials } from '../../../../src/authorization/authorizer.ts';
import { ModernHook } from '../../../../src/bridge/era/modern-hook.ts';
import { RemoteEra } from '../../../../src/bridge/era/remote-era.ts';
import type { WayOptions } from '../../../../src/bridge/era/ways.ts';
import { PendingRequests, toolAnswer } from '../../../../src/bridge/pending-requests.ts';
import { StreamableHttp } from '../../../../src/remote/streamable-http.ts';
import type { Settings } from '../../../../src/settings.ts';
import { startFakeRemote } from '../../../support/fake-remote.ts';
import { askModern } from '../../helpers/modern-stage.ts';
import { transportOptions } from '../../helpers/scripted-sink.ts';

async function start() {
  const remote = await startFakeRemote();
  const transport = await transportOptions(remote);
  const pending = new PendingRequests();
  const { log } = transport;
  const ways: WayOptions = {
    createTransport: (options) => new StreamableHttp(options),
    transport,
    settings: { url: new URL(remote.url), network: {}, transport: 'http' } as Settings,
    newId: () => 'own',
  };
  const hook = new ModernHook({
    ways,
    era: new RemoteEra('modern', undefined),
    authorizer: new FixedCredentials(),
    memory: undefined,
    remember: () => {},
    pending,
    write: () => {},
    flow: transport.sink,
    log,
  });
  const take = async (...given: Parameters<typeof askModern>) => {
    const asked = askModern(...given);
    pending.add(asked.request);
    await hook.take(asked.request);
    return asked.answers;
  };
  return { hook, remote, take, ways, pending };
}

describe('the way of a modern client', () => {
  test('is there with its first request, and goes to the server [B-01]', async () => {
    const { hook, take, remote } = await start();
    hook.notify('{}', 'notifications/x');
    hook.signedIn();
    await hook.close(10);
    expect(remote.requests).toEqual([]);
    const [one, two] = await Promise.all([take('ping', { id: 1 }), take('ping', { id: 2 })]);
    expect([one, two]).toEqual([
      [{ jsonrpc: '2.0', id: 1, result: { resultType: 'complete' } }],
      [{ jsonrpc: '2.0', id: 2, result: { resultType: 'complete' } }],
    ]);
    hook.notify('{"jsonrpc":"2.0","method":"notifications/x"}', 'notifications/x');
    await remote.next('notifications/x');
    await hook.close(10);
  });

  test("gives the bridge's own answers their form [M-29]", async () => {
    const { hook, take } = await start();
    await take('ping');
    expect(hook.inItsForm(toolAnswer(1, 'x', false), 'tools/call').message.result).toMatchObject({
      resultType: 'complete',
    });
  });

  test('that can not be made is an error, and nothing is left waiting [B-89]', async () => {
    const { take, ways } = await start();
    Object.defineProperty(ways, 'settings', {
      get: () => {
        throw new Error('s3cret');
      },
    });
    const [answer] = await take('ping');
    expect(answer).toMatchObject({ id: 1, error: { data: { reason: 'internal' } } });
    expect(JSON.stringify(answer)).not.toContain('s3cret');
  });
});
