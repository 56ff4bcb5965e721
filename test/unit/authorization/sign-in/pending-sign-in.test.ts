import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { SignInAttempts } from '../../../../src/authorization/sign-in/attempts.ts';
import { neededError, PendingSignIn } from '../../../../src/authorization/sign-in/pending-sign-in.ts';
import { SIGN_IN_GATE, type SignInTask } from '../../../../src/authorization/sign-in/task.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import { until, within } from '../../../support/wait.ts';
import { newStore, openStore, SERVER, signInTask } from '../../helpers/oauth-parts.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';
import { playSignInProgram } from '../../helpers/sign-in-program.ts';

const LINK = 'https://as.example/authorize?x=1';
const COMMAND = 'npx -y mcp-drawbridge login https://mcp.example/mcp';

function start({ task, secrets = [] }: { task?: Partial<SignInTask>; secrets?: string[] } = {}) {
  const { store, folder } = newStore();
  const { log, lines } = recordingLogger();
  const attempts = new SignInAttempts(store, 'connection-1');
  const state = { isDone: false };
  const begin = () => {
    const pending = new PendingSignIn({
      task: { ...signInTask(), folder, ...task },
      connection: 'connection-1',
      store,
      attempts,
      isDone: () => state.isDone,
      command: COMMAND,
      secrets,
      log,
    });
    onTestFinished(() => pending.leave());
    return pending;
  };
  return { store, folder, attempts, state, lines, begin, another: () => openStore(folder) };
}

const settled = (pending: PendingSignIn) => within(pending.settled, 8000, () => 'it is not settled');

describe('a process of its own does the sign-in', () => {
  test('and tells the link, and that it is done', async () => {
    const program = playSignInProgram(`
      say({ event: 'link', url: '${LINK}', opening: true });
      if ((await next()) === 'open') say({ event: 'done' });`);
    const pending = start().begin();
    expect([pending.link, pending.windowOpened, pending.command]).toEqual([undefined, false, COMMAND]);
    await pending.linked;
    expect([pending.link, pending.windowOpened]).toEqual([LINK, true]);
    pending.openWindow();
    expect(await settled(pending)).toBeUndefined();
    expect(program.starts.length).toBe(1);
  });

  test('it gets its task by stdin; no secret is in its arguments or environment [4, 122, T120]', async () => {
    vi.stubEnv('MY_API_KEY', 's3cret');
    vi.stubEnv('HTTPS_PROXY', 'http://user:s3cret@proxy.example');
    vi.stubEnv('MCP_DRAWBRIDGE_CLIENT_SECRET', 's3cret');
    const program = playSignInProgram(`say({ event: 'done' });`);
    const task = signInTask({ signIn: { clientId: 'c', clientSecret: 's3cret' } });
    const { begin } = start({ task, secrets: ['s3cret'] });
    await settled(begin());
    vi.unstubAllEnvs();
    const { argv, env, task: given } = await program.nextStart();
    expect(argv).toEqual(['sign-in-process']);
    expect(given).toMatchObject({ server: SERVER, signIn: { clientSecret: 's3cret' } });
    expect(env).not.toHaveProperty('MY_API_KEY');
    expect(env).not.toHaveProperty('MCP_DRAWBRIDGE_CLIENT_SECRET');
    // The way to the network is needed.
    expect(env.HTTPS_PROXY).toBe('http://user:s3cret@proxy.example');
  });

  test('[77]: where no window can be opened, the link is logged', async () => {
    playSignInProgram(`
      say({ event: 'link', url: '${LINK}', opening: true });
      say({ event: 'no-window', url: '${LINK}', why: 'no display' });
      say({ event: 'done' });`);
    const { begin, lines } = start();
    const pending = begin();
    await settled(pending);
    expect([pending.link, pending.windowOpened]).toEqual([LINK, false]);
    expect(lines).toEqual([
      {
        level: 'warn',
        event: 'no browser window: sign in by this link',
        fields: { url: LINK, why: 'no display' },
      },
    ]);
  });

  test.each([
    ['authorization-server', 'It is broken.', 'authorization-server', 'It is broken.'],
    ['sign-in-timeout', 'Nobody came.', 'sign-in-timeout', `Nobody came. To sign in, run: ${COMMAND}`],
    ['sign-in-refused', 'Give --client-id.', 'sign-in-refused', 'Give --client-id.'],
    ['made-up', 'What?', 'internal', 'What?'],
  ])('it fails with %s', async (reason, message, expected, told) => {
    playSignInProgram(`say(${JSON.stringify({ event: 'failed', reason, message })});`);
    const pending = start().begin();
    expect(await settled(pending)).toMatchObject({ reason: expected, message: told });
    await pending.linked;
  });

  test('T72: one that dies is followed by another', async () => {
    const program = playSignInProgram(`if (start === 2) say({ event: 'done' });`);
    expect(await settled(start().begin())).toBeUndefined();
    expect(program.starts.length).toBe(2);
  });

  test('T72: but not for ever', async () => {
    const program = playSignInProgram('');
    expect(await settled(start().begin())).toMatchObject({
      reason: 'internal',
      message: `The sign-in broke off; to sign in, run: ${COMMAND}`,
    });
    expect(program.starts.length).toBe(3);
  });

  test('one that finds the gate taken is no failure', async () => {
    const program = playSignInProgram(`say({ event: start < 5 ? 'busy' : 'done' });`);
    expect(await settled(start().begin())).toBeUndefined();
    expect(program.starts.length).toBe(5);
  });

  test('a program that can not be started is told', async () => {
    const before = process.execPath;
    process.execPath = '/nonexistent/node';
    onTestFinished(() => {
      process.execPath = before;
    });
    expect(await settled(start().begin())).toMatchObject({ reason: 'internal' });
  });
});

describe('the user, or the client, has something to say', () => {
  const waits = `
    say({ event: 'link', url: '${LINK}', opening: false });
    for (let line; (line = await next()) !== undefined; ) note(line);
    note('end');
    await new Promise((resolve) => setTimeout(resolve, 200));
    note('still here');`;

  test.each([
    [true, 'decline', 'declined'],
    [false, 'cancel', 'put off'],
  ])('no (a refusal: %s): it is settled at once, and the process is told', async (isRefusal, line, word) => {
    const program = playSignInProgram(waits);
    const pending = start().begin();
    await pending.linked;
    pending.cancel(isRefusal);
    pending.cancel(!isRefusal);
    expect(await settled(pending)).toMatchObject({
      reason: 'sign-in-refused',
      message: `The sign-in was ${word}; to sign in, run: ${COMMAND}`,
    });
    await until('the line', () => program.notes[0] === line);
  });

  test('the bridge ends: the process goes on without it (DESIGN rule 4)', async () => {
    const program = playSignInProgram(waits);
    const pending = start().begin();
    await pending.linked;
    pending.leave();
    expect(await settled(pending)).toMatchObject({ reason: 'shutting-down' });
    await until('its last word', () => program.notes.includes('still here'));
    expect(program.notes).toEqual(['end', 'still here']);
    // Nothing to write to any more, and no fault.
    pending.openWindow();
    pending.cancel(true);
  });

  test('somebody signs in elsewhere meanwhile: it is done', async () => {
    playSignInProgram(waits);
    const { begin, state } = start();
    const pending = begin();
    await pending.linked;
    state.isDone = true;
    expect(await settled(pending)).toBeUndefined();
  });

  test('somebody has, before: no process is started', async () => {
    const program = playSignInProgram(waits);
    const { begin, state } = start();
    state.isDone = true;
    expect(await settled(begin())).toBeUndefined();
    expect(program.starts).toEqual([]);
  });
});

describe('another bridge’s sign-in is under way [57, 70]', () => {
  /** Another process that holds the gate. */
  async function held() {
    const program = playSignInProgram(`say({ event: 'done' });`);
    const started = start();
    const gate = await started.another().lock(SIGN_IN_GATE, 0);
    if (!gate) throw new Error('the gate is taken');
    onTestFinished(() => gate.release());
    return { ...started, program, gate };
  }
  const announcement = { connection: 'connection-1', link: LINK, windowOpened: true };

  test('T70: it is waited for, its link is known, and no process is started', async () => {
    const { begin, gate, state, program } = await held();
    gate.announce(announcement);
    const pending = begin();
    await pending.linked;
    expect([pending.link, pending.windowOpened]).toEqual([LINK, true]);
    state.isDone = true;
    await gate.release();
    expect(await settled(pending)).toBeUndefined();
    expect(program.starts).toEqual([]);
  });

  test('T70: the link may be announced later', async () => {
    const { begin, gate } = await held();
    const pending = begin();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(pending.link).toBeUndefined();
    gate.announce(announcement);
    await within(pending.linked, 3000, () => 'no link');
    expect(pending.link).toBe(LINK);
  });

  test('T73: that of another connection is waited for too; its link is not ours', async () => {
    const { begin, gate, program } = await held();
    gate.announce({ ...announcement, connection: 'connection-2' });
    const pending = begin();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([pending.link, program.starts]).toEqual([undefined, []]);
    await gate.release();
    expect(await settled(pending)).toBeUndefined();
    expect(program.starts.length).toBe(1);
  });

  test('T72: its process dies: ours is started', async () => {
    const { begin, gate, attempts, program } = await held();
    await attempts.begin(true);
    gate.announce(announcement);
    const pending = begin();
    await pending.linked;
    await gate.release();
    expect(await settled(pending)).toBeUndefined();
    expect(program.starts.length).toBe(1);
  });

  test('its failure is shared: the user is not asked again at once', async () => {
    const { begin, gate, attempts, program } = await held();
    const pending = begin();
    await attempts.end('refused', new DrawbridgeError('sign-in-refused', 'It was declined.'));
    await gate.release();
    expect(await settled(pending)).toMatchObject({
      reason: 'sign-in-refused',
      message: `It was declined. To sign in, run: ${COMMAND}`,
    });
    expect(program.starts).toEqual([]);
  });

  test('declining it here ends the waiting, not the sign-in', async () => {
    const { begin, another, program } = await held();
    const pending = begin();
    await new Promise((resolve) => setTimeout(resolve, 100));
    pending.cancel(true);
    expect(await settled(pending)).toMatchObject({ reason: 'sign-in-refused' });
    expect([await another().lock(SIGN_IN_GATE, 0), program.starts]).toEqual([undefined, []]);
  });

  test('so does the end of the bridge', async () => {
    const { begin } = await held();
    const pending = begin();
    pending.leave();
    expect(await settled(pending)).toMatchObject({ reason: 'shutting-down' });
  });
});

describe('--no-browser: the user signs in in a terminal', () => {
  const signIn = signInTask({ signIn: { browser: false, timeout: 300 } }).signIn;
  const task = { signIn, opensWindow: false };

  test('no process is started, there is no link, and the command is told in the end', async () => {
    const program = playSignInProgram(`say({ event: 'done' });`);
    const pending = start({ task }).begin();
    await within(pending.linked, 100, () => 'it waits for a link');
    expect(pending.link).toBeUndefined();
    expect(await settled(pending)).toMatchObject({
      reason: 'sign-in-needed',
      message: `mcp.example needs you to sign in; run: ${COMMAND}`,
    });
    expect(program.starts).toEqual([]);
  });

  test('that is seen', async () => {
    const { begin, state } = start({ task: { ...task, signIn: { ...signIn, timeout: 30_000 } } });
    const pending = begin();
    state.isDone = true;
    expect(await settled(pending)).toBeUndefined();
  });

  test('declined: at once', async () => {
    const pending = start({ task: { ...task, signIn: { ...signIn, timeout: 30_000 } } }).begin();
    pending.cancel(true);
    expect(await settled(pending)).toMatchObject({ reason: 'sign-in-refused' });
  });

  test('a client that opens links itself is another thing: there is a process, and no window', async () => {
    const program = playSignInProgram(`say({ event: 'done' });`);
    await settled(start({ task: { opensWindow: false } }).begin());
    expect((await program.nextStart()).task.opensWindow).toBe(false);
  });
});

test('what a client is told while nobody has signed in', () => {
  expect(neededError(new URL(SERVER), COMMAND)).toMatchObject({ reason: 'sign-in-needed', exitCode: 4 });
});
