import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { scrubbedEnvironment } from '../platform/child-environment.ts';
import { sessionBusAddress } from './dbus.ts';
import { KeychainError, keychainProblems } from './keychain.ts';
import type { KeychainAnswer, KeychainTask } from './keychain-process.ts';

const MAX_ANSWER = 16 * 1024;

/** What is built from keychain-process.ts, beside the file that is built from this one. */
const program = join(import.meta.dirname, 'keychain-process.js');

/**
 * Has a process of its own do something with the keychain. The secret goes through pipes, never into a command line.
 *
 * @param patience after so long the process is killed, in ms
 * @throws KeychainError
 */
export function askKeychain(
  task: KeychainTask,
  patience: number,
  file = program,
): Promise<string | undefined> {
  const bus = sessionBusAddress(process.env);
  const child = spawn(process.execPath, [file], {
    stdio: ['pipe', 'pipe', 'ignore'],
    windowsHide: true,
    env: { ...scrubbedEnvironment(process.env), ...(bus !== undefined && { DBUS_SESSION_BUS_ADDRESS: bus }) },
  });
  return new Promise((resolve, reject) => {
    const settle = (answer: KeychainAnswer): void => {
      clearTimeout(timer);
      // Where the keychain hangs, the process can't end by itself.
      child.kill('SIGKILL');
      if ('problem' in answer) reject(new KeychainError(answer.problem, answer.detail));
      else resolve(answer.secret);
    };
    const timer = setTimeout(
      () => settle({ problem: 'silent', detail: 'the keychain does not answer' }),
      patience,
    );
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\n') || text.length > MAX_ANSWER) settle(parse(text));
    });
    child.on('error', () => settle({ problem: 'failed', detail: 'no process can be started for it' }));
    child.on('close', () => settle({ problem: 'failed', detail: 'its process has ended without a word' }));
    child.stdin.on('error', () => {});
    child.stdin.write(`${JSON.stringify(task)}\n`);
  });
}

function parse(text: string): KeychainAnswer {
  try {
    const value = JSON.parse(text) as { secret?: string; problem?: unknown; detail?: unknown };
    const problem = keychainProblems.find((known) => known === value.problem);
    if (problem) return { problem, detail: String(value.detail) };
    // Anything else must not pass for an item that is not there.
    const isAnswer = value.problem === undefined && /^(undefined|string)$/.test(typeof value.secret);
    if (isAnswer) return { secret: value.secret };
  } catch {
    // Not the process that we know.
  }
  return { problem: 'failed', detail: 'its process has answered something else' };
}
