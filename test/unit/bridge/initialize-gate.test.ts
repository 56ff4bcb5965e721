import { describe, expect, test } from 'vitest';
import { InitializeGate } from '../../../src/bridge/initialize-gate.ts';
import { ask } from '../helpers/pending.ts';
import { answers, contract, establish, fails, makeCrossing } from '../helpers/scripted-transport.ts';

function makeGate() {
  const crossing = makeCrossing();
  return { ...crossing, crossing, gate: new InitializeGate(() => crossing.http, crossing.recovery) };
}

/** A promise, and the way to resolve it. */
function opening(): { promise: Promise<void>; open: () => void } {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Whether a promise has resolved after the work that is at hand. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('the gate', () => {
  test('stands open where nothing is under way, so that no turn is lost', () => {
    expect(makeGate().gate.closed).toBeUndefined();
  });

  test('is closed while the handshake runs', async () => {
    const { gate } = makeGate();
    const { promise, open } = opening();
    gate.hold(promise);
    const passing = gate.pass(ask('tools/list').request);
    expect(gate.closed).toBeDefined();
    expect(await isDone(passing)).toBe(false);
    open();
    expect(await isDone(passing)).toBe(true);
    expect(gate.closed).toBeUndefined();
  });

  test('a later step of the handshake keeps it closed when the earlier one ends', async () => {
    const { gate } = makeGate();
    const [first, second] = [opening(), opening()];
    gate.hold(first.promise);
    const passing = gate.pass(ask('tools/list').request);
    gate.hold(second.promise);
    first.open();
    expect(await isDone(passing)).toBe(false);
    second.open();
    expect(await isDone(passing)).toBe(true);
  });

  test('is closed while a new session is opened, and open again when that has failed', async () => {
    const { gate, crossing, http, recovery } = makeGate();
    const { promise, open } = opening();
    http.on('initialize', async (message, session) => {
      await promise;
      return fails('unreachable')(message, session);
    });
    recovery.recover(establish(crossing)).catch(() => {});
    const passing = gate.pass(ask('tools/list').request);
    expect(await isDone(passing)).toBe(false);
    open();
    expect(await isDone(passing)).toBe(true);
  });

  test('lets a cancelled request out when what it waits for ends, whatever begins then', async () => {
    const { gate } = makeGate();
    const [first, second] = [opening(), opening()];
    gate.hold(first.promise);
    const { request } = ask('tools/list');
    const passing = gate.pass(request);
    request.cancel();
    first.open();
    gate.hold(second.promise);
    expect(await isDone(passing)).toBe(true);
  });
});

describe('whether the bridge stands apart from the server [L-07]', () => {
  test('before there is a session, during the handshake and during a recovery', async () => {
    const { gate, crossing, http, recovery } = makeGate();
    expect(gate.isApart).toBe(true);
    const lost = establish(crossing);
    expect(gate.isApart).toBe(false);
    const { promise, open } = opening();
    gate.hold(promise);
    expect(gate.isApart).toBe(true);
    open();
    await isDone(promise);
    expect(gate.isApart).toBe(false);
    http.on('initialize', answers(contract, 'session-2'));
    const recovering = recovery.recover(lost);
    expect(gate.isApart).toBe(true);
    await recovering;
    expect(gate.isApart).toBe(false);
  });
});

describe('the listening stream [L-33, L-35]', () => {
  const asking = ['tools/call', 'prompts/get', 'resources/read', 'completion/complete'];

  function listening() {
    const { gate, http } = makeGate();
    const { promise, open } = opening();
    http.listen = () => promise;
    gate.listen();
    return { gate, open };
  }

  test.each(asking)(
    'is waited for by %s, in whose course the server may ask the client something',
    async (method) => {
      const { gate, open } = listening();
      const passing = gate.pass(ask(method).request);
      expect(await isDone(passing)).toBe(false);
      open();
      expect(await isDone(passing)).toBe(true);
      expect(await isDone(gate.pass(ask(method).request))).toBe(true);
    },
  );

  test.each(['tools/list', 'ping', 'logging/setLevel'])('is not waited for by %s', async (method) => {
    const { gate } = listening();
    expect(await isDone(gate.pass(ask(method).request))).toBe(true);
  });
});
