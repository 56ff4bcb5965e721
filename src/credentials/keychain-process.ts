import type { Entry as KeyringEntry } from '@napi-rs/keyring';
import type { KeychainProblem } from './keychain.ts';

/** What is asked of the process, as a line on stdin. */
export type KeychainTask =
  | { task: 'read' | 'remove'; service: string; account: string }
  | { task: 'create'; service: string; account: string; secret: string };

/** What it answers, as a line on stdout. */
export type KeychainAnswer = { secret?: string | undefined } | { problem: KeychainProblem; detail: string };

type EntryClass = new (service: string, account: string, options: object) => KeyringEntry;

// Without it the library falls back to the kernel's keys, which are gone with the next start of the machine.
const PINNED = { linux: { store: 'secret-service' } };

/**
 * The process that speaks with the keychain: where that hangs, only the end of the process that has asked helps, so
 * nobody else may ask. It is killed by the one that has started it as soon as it has answered.
 */
function main(): void {
  let text = '';
  process.stdin.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.endsWith('\n')) process.stdout.write(`${JSON.stringify(answer(JSON.parse(text)))}\n`);
  });
  // Whoever has started it is gone. A signal, since a keychain that hangs does not let the process end otherwise.
  process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
}

function answer(task: KeychainTask): KeychainAnswer {
  let Entry: EntryClass;
  try {
    ({ Entry } = require('@napi-rs/keyring') as { Entry: EntryClass });
  } catch {
    return {
      problem: 'unavailable',
      detail: 'the package @napi-rs/keyring is not installed for this system',
    };
  }
  try {
    return { secret: perform(task, (account) => new Entry(task.service, account, PINNED)) };
  } catch (error) {
    const detail = (error as Error).message.slice(0, 200);
    return { problem: problemOf(detail), detail };
  }
}

function perform(task: KeychainTask, entryOf: (account: string) => KeyringEntry): string | undefined {
  const entry = entryOf(task.account);
  if (task.task === 'read') return entry.getPassword() ?? undefined;
  if (task.task !== 'create') {
    entry.deletePassword();
    return undefined;
  }
  const trial = entryOf(`trial-${process.pid}`);
  trial.setPassword('trial');
  const isKept = trial.getPassword() === 'trial';
  if (!trial.deletePassword() || !isKept) throw new Error('it does not keep what is put into it');
  if (entry.getPassword() != null) throw new Error('it holds an item of this name already');
  entry.setPassword(task.secret);
  if (entry.getPassword() !== task.secret) throw new Error('it gives back something else');
  return undefined;
}

/** By the message: all errors of the library have the same code. */
function problemOf(message: string): KeychainProblem {
  // -25308: errSecInteractionNotAllowed of macOS.
  if (/prompt was dismissed|locked|-25308|interaction is not allowed/i.test(message)) return 'locked';
  // -128: errSecUserCanceled, -25293: errSecAuthFailed.
  if (/denied|cancell?ed|-128\b|-25293|not authorized/i.test(message)) return 'denied';
  if (/dbus|d-bus|no result found|no default store|not available/i.test(message)) return 'unavailable';
  return 'failed';
}

main();
