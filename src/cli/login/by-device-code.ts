import { hostname } from 'node:os';
import { runDeviceSignIn } from '../../authorization/sign-in/run-device-sign-in.ts';
import { signInId } from '../../credentials/apart.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import { DrawbridgeError } from '../../errors.ts';
import type { LoginStage } from './by-browser.ts';
import { deviceHelp } from './texts.ts';

/**
 * Signs in by a code that is entered on any device.
 *
 * @throws DrawbridgeError `sign-in-refused` where another process does just that: its code is the one to enter [109]
 */
export async function loginByDeviceCode(stage: LoginStage): Promise<ConnectionRecord> {
  const { task, store, log, signal, terminal, printLink, announce } = stage;
  const { host } = new URL(task.server);
  const connection = signInId(task.server, task.signIn);
  const lock = await store.lock(`device:${connection}`, 0);
  if (!lock)
    throw new DrawbridgeError(
      'sign-in-refused',
      `Another process is signing in to ${host} by device code; finish or end that one first.`,
    );
  let stopWaiting = (): void => {};
  try {
    return await runDeviceSignIn({
      task,
      store,
      env: process.env,
      log,
      signal,
      onCode: (prompt) => {
        const { verificationUri, verificationUriComplete, expiresIn } = prompt;
        if (verificationUriComplete !== undefined) announce(verificationUriComplete, false);
        const { before, after } = deviceHelp(prompt, host, hostname());
        terminal.say(before);
        printLink(verificationUri);
        terminal.say(after);
        stopWaiting = terminal.wait('Waiting for the code to be entered', expiresIn);
      },
    });
  } finally {
    stopWaiting();
    await lock.release();
  }
}
