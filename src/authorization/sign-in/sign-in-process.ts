import { findOwnConnections, signInId } from '../../credentials/apart.ts';
import { openStore } from '../../credentials/open-store.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import { type LogFields, Logger } from '../../logger.ts';
import { runSignIn, type SignInControls } from './run-sign-in.ts';
import { SIGN_IN_GATE, type SignInEvent, type SignInTask } from './task.ts';

/**
 * The process that signs in for a bridge and outlives it: a client that gives up waiting kills its bridge, and what the
 * user does in the browser then must not be lost (DESIGN rule 4). The task comes as a line on stdin, events go to stdout
 * as lines; stdin also brings `shown`, `open`, `decline` and `cancel`, and its end says that the bridge is gone.
 *
 * @returns the exit code
 */
export async function runSignInProcess(): Promise<number> {
  const abort = new AbortController();
  const end = (reason: 'sign-in-refused' | 'shutting-down', message: string): void =>
    abort.abort(new DrawbridgeError(reason, message));
  let isAlone = false;
  /** Whether the user has seen, or may have seen, where to sign in. */
  let isShown = false;
  let controls: SignInControls | undefined;
  process.stdout.on('error', () => {}); // the bridge has gone
  const tell = (event: SignInEvent): void => {
    if (!isAlone) process.stdout.write(`${JSON.stringify(event)}\n`);
  };
  const task = await readTask(
    (line) => {
      if (line === 'decline') end('sign-in-refused', 'The sign-in was declined.');
      else if (line === 'cancel') end('shutting-down', 'The sign-in was put off.');
      else if (line === 'shown') isShown = true;
      else if (line === 'open') void controls?.openWindow();
    },
    () => {
      isAlone = true;
      // Nothing has been shown to the user yet, or nothing would be kept: whoever comes next begins anew.
      if (!isShown || task?.store.choice === 'memory') end('shutting-down', 'The client has gone.');
    },
  );
  if (!task) return 1;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => end('shutting-down', 'The sign-in was ended.'));

  try {
    const log = {
      warn: (message: string, fields?: LogFields) => tell({ event: 'warning', message, fields }),
    };
    const { store } = await openStore(task.store, task.folder, { log });
    const connection = signInId(task.server, task.signIn);
    const gate = await store.lock(SIGN_IN_GATE, 0);
    if (!gate) {
      tell({ event: 'busy' });
      return 0;
    }
    try {
      const [latest] = findOwnConnections(store, task.server, task.signIn);
      // Another process may have been quicker between the bridge's look and the gate.
      if (!latest || latest.record.signedInAt <= task.replaces) {
        await runSignIn({
          task,
          store,
          env: process.env,
          log: new Logger({ level: 'error', format: 'text' }, async () => () => {}),
          signal: abort.signal,
          onReady: (given) => {
            controls = given;
          },
          onLink: (url, opening) => {
            // Where the client opens the link, it says so.
            isShown ||= task.opensWindow;
            gate.announce({ connection, link: url, windowOpened: opening });
            tell({ event: 'link', url, opening });
          },
          onNoWindow: (url, why) => {
            gate.announce({ connection, link: url, windowOpened: false });
            tell({ event: 'no-window', url, why });
          },
        });
      }
      tell({ event: 'done' });
    } finally {
      await gate.release();
    }
    return 0;
  } catch (error) {
    const { reason, message } = asDrawbridgeError(error);
    tell({ event: 'failed', reason, message });
    return 1;
  }
}

/** @returns the first line as a task; undefined where stdin ends without one */
function readTask(onLine: (line: string) => void, onEnd: () => void): Promise<SignInTask | undefined> {
  return new Promise((resolve) => {
    let text = '';
    let hasTask = false;
    process.stdin.setEncoding('utf8');
    process.stdin.on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        if (hasTask) onLine(line);
        else resolve(JSON.parse(line) as SignInTask);
        hasTask = true;
      }
    });
    const end = (): void => {
      resolve(undefined);
      onEnd();
    };
    process.stdin.on('end', end);
    process.stdin.on('error', end);
  });
}
