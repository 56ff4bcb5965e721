import { describe, expect, test, vi } from 'vitest';
import { type Authorizer, FixedCredentials } from '../../../src/authorization/authorizer.ts';
import { SessionRecovery } from '../../../src/bridge/session-recovery.ts';
import { SignInHook } from '../../../src/bridge/sign-in-hook.ts';
import { ask } from '../helpers/pending.ts';
import { recordingLogger } from '../helpers/recording-logger.ts';
import { ScriptedAuthorizer } from '../helpers/scripted-authorizer.ts';

function hang(authorizer: Authorizer) {
  const { log, lines } = recordingLogger();
  const memory = { read: () => undefined, remember: vi.fn() };
  const listen = vi.fn();
  const recovery = new SessionRecovery({} as ConstructorParameters<typeof SessionRecovery>[0]);
  const hook = new SignInHook({
    target: 'https://a.test/mcp',
    initializeWait: 0,
    authorizer,
    memory,
    recovery,
    write: () => {},
    resume: () => {},
    listen,
    onSignedIn: () => {},
    newId: () => 'own',
    log,
  });
  return { hook, memory, listen, lines };
}

/** An `initialize` whose refusal is being dealt with. */
function challenged() {
  const asked = ask('initialize', { params: {} });
  asked.request.challengedAt = performance.now();
  return asked;
}

describe('the gate', () => {
  test('is not loaded for what needs none', async () => {
    const { hook, listen } = hang(new ScriptedAuthorizer());
    const { request } = challenged();
    hook.look(request, performance.now());
    hook.signedIn();
    hook.initializeEnded(request, undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(hook.gate).toBeUndefined();
    expect(listen).toHaveBeenCalledTimes(1);
  });

  test('is loaded for an initialize that is refused, and answers it', async () => {
    const { hook } = hang(new ScriptedAuthorizer());
    const { request, answers } = challenged();
    hook.initialize(request, false);
    hook.look(request, performance.now());
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    expect(hook.gate?.isClosed).toBe(true);
  });

  test('is loaded with the first sign-in, and hears all that happens meanwhile in its order', async () => {
    const authorizer = new ScriptedAuthorizer();
    const { hook, listen } = hang(authorizer);
    authorizer.beginSignIn();
    await authorizer.succeed();
    await vi.waitFor(() => expect(listen).toHaveBeenCalledTimes(1));
    expect(hook.gate).toBeDefined();
  });

  test('is not for a credential that knows no sign-in, however long a command takes', async () => {
    const { hook } = hang(new FixedCredentials());
    const { request, answers } = challenged();
    hook.initialize(request, false);
    hook.look(request, performance.now());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([hook.gate, answers]).toEqual([undefined, []]);
  });
});

describe('the memory of the server', () => {
  test.each([
    [() => 'Bearer t', 1],
    [async () => 'Bearer t', 1],
    [() => Promise.reject(new Error('x')), 1],
    [() => undefined, 0],
  ])('is filled where a credential was used', (credential, times) => {
    const authorizer = new FixedCredentials();
    authorizer.credential = credential;
    const { hook, memory } = hang(authorizer);
    hook.remember({ protocolVersion: '2025-11-25' });
    expect(memory.remember).toHaveBeenCalledTimes(times);
  });

  test('that fails is a line in the log and nothing else', async () => {
    const authorizer = new FixedCredentials();
    authorizer.credential = () => 'Bearer t';
    const { hook, memory, lines } = hang(authorizer);
    memory.remember.mockImplementation(() => {
      throw new Error('s3cret');
    });
    hook.remember({});
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });
});
