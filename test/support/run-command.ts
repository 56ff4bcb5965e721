import { spawn } from 'node:child_process';
import { bridgeEnvironment, bridgeFile, type Environment } from './bridge-command.ts';
import { within } from './wait.ts';

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
  ms: number;
}

/** Runs the command to its end with an empty stdin, for what ends by itself: help, version, usage errors. */
export function runCommand(args: string[], env: Environment = {}, ms = 15_000): Promise<Outcome> {
  return runNode([bridgeFile, ...args], env, ms);
}

/** As `runCommand`, with the arguments of Node itself. */
export async function runNode(argv: string[], env: Environment = {}, ms = 15_000): Promise<Outcome> {
  const start = performance.now();
  const child = spawn(process.execPath, argv, {
    env: bridgeEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    const code = await within(exit, ms, () => `still running after ${ms} ms; stderr: ${stderr}`);
    return { code, stdout, stderr, ms: performance.now() - start };
  } finally {
    child.kill('SIGKILL');
  }
}
