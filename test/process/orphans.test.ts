import { describe, expect, onTestFinished, test } from 'vitest';
import { bridgeFile } from '../support/bridge-command.ts';
import { type BridgeProcess, runBridge } from '../support/bridge-process.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { isLinux } from '../support/prerequisites.ts';
import { childrenOf, goneWithin, isRunning } from '../support/processes.ts';
import { until } from '../support/wait.ts';

/** A shell that stays in front of its command, as npx does. */
const staying = '"$@"; exit $?';

/** The last process of the chain of first children that begins here; killed at the end of the test. */
async function lastChild(pid: number, depth: number): Promise<number> {
  const last = await until('the bridge below its shells', () => {
    let at: number | undefined = pid;
    for (let i = 0; i < depth && at !== undefined; i++) at = childrenOf(at)[0];
    return at;
  });
  onTestFinished(() => {
    if (isRunning(last)) process.kill(last, 'SIGKILL');
  });
  return last;
}

function behindShells(count: number, url: string): BridgeProcess {
  const shells = Array.from({ length: count }, () => ['sh', '-c', staying, 'sh']).flat();
  const [command, ...args] = [...shells, process.execPath, bridgeFile, url];
  return runBridge({ command: command as string, args });
}

describe.skipIf(!isLinux)('killed with SIGKILL while stdin stays open [T100, S8]', () => {
  test.each([
    ['the parent', 1],
    ['the parent of the parent', 2],
  ])('%s: the bridge ends its session and itself', async (_, shells) => {
    const remote = await startFakeRemote({ session: true });
    const bridge = behindShells(shells, remote.url);
    await bridge.initialize();
    const pid = await lastChild(bridge.pid, shells);
    bridge.kill('SIGKILL');
    await goneWithin(pid, 6000);
    expect(remote.of('DELETE')).toHaveLength(1);
  });

  test('the parent, before a word was said', async () => {
    const remote = await startFakeRemote();
    const bridge = behindShells(1, remote.url);
    const pid = await lastChild(bridge.pid, 1);
    bridge.kill('SIGKILL');
    await goneWithin(pid, 6000);
    expect(remote.requests).toEqual([]);
  });

  test('the parent, with a call in flight', async () => {
    const remote = await startFakeRemote({ session: true });
    remote.on('tools/call', (exchange) => exchange.hang());
    const bridge = behindShells(1, remote.url);
    await bridge.initialize();
    const pid = await lastChild(bridge.pid, 1);
    bridge.send({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'echo' } });
    await remote.next('tools/call');
    bridge.kill('SIGKILL');
    await goneWithin(pid, 6000);
  });
});

test('a living parent is no reason to end: an idle bridge stays', async () => {
  const remote = await startFakeRemote();
  const bridge = behindShells(1, remote.url);
  await bridge.initialize();
  await expect(bridge.exitWithin(5000)).rejects.toThrow('still runs');
  expect(await bridge.request('tools/list')).toHaveProperty('result');
});
