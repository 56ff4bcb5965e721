import { execFile } from 'node:child_process';
import { DrawbridgeError } from '../errors.ts';

const TIMEOUT = 30_000;
const MAX_OUTPUT = 16 * 1024;

/**
 * What a program of the user's prints: a secret manager's command line, or what a platform gives to its workloads. It
 * runs without a shell. Its standard error is not shown: some programs repeat their secret there.
 *
 * @param what what it is to the user, for the error
 * @param command the program and its arguments
 * @param signal ends it
 * @throws DrawbridgeError `token-command-failed`
 */
export function runForSecret(
  what: string,
  command: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const [program, ...words] = command as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const options = {
      timeout: TIMEOUT,
      killSignal: 'SIGKILL' as const,
      ...(signal && { signal }),
      maxBuffer: MAX_OUTPUT,
      windowsHide: true,
      env: withoutSecrets(process.env),
    };
    const child = execFile(program, words, options, (error, stdout) => {
      if (!error) return resolve(stdout);
      const why = error.killed
        ? `gave no answer within ${TIMEOUT / 1000} s`
        : `failed (${error.code ?? error.signal})`;
      reject(
        new DrawbridgeError('token-command-failed', `The ${what} "${program}" ${why}; try it in a terminal.`),
      );
    });
    child.stdin?.end();
  });
}

/** Our own secrets are none of the command's business. */
function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MCP_DRAWBRIDGE_')));
}
