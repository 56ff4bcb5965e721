import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { DrawbridgeError } from '../errors.ts';
import { expandVariables } from './expand.ts';

const FILE_BYTES = 16 * 1024;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // a token, RFC 9110 section 5.6.2
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;

/** Headers that the transport itself must set; a second hand on them would break framing, routing or the sign-in. */
const reserved =
  /^(host|content-length|content-type|content-encoding|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|accept|accept-encoding|dpop|last-event-id|mcp-.*|proxy-.*)$/i;

/**
 * The user's headers from `--header` and `--header-file`, each checked after `${VAR}` was expanded.
 * A faulty one is an error: a server must not be asked without the credential that was meant for it.
 *
 * @param env where `${VAR}` is looked up
 * @throws DrawbridgeError `usage`; it names the header, never the value
 */
export function readUserHeaders(
  lines: readonly string[],
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): Record<string, string> {
  const headers = new Map<string, [name: string, value: string]>();
  for (const line of userHeaderLines(lines, file)) {
    const [name, value] = parseHeader(line, env);
    headers.set(name.toLowerCase(), [name, value]);
  }
  return Object.fromEntries(headers.values());
}

/**
 * The lines of `--header-file` and `--header`, with their variables.
 *
 * @throws DrawbridgeError `usage` for a file that can't be used
 */
export function userHeaderLines(lines: readonly string[], file: string | undefined): string[] {
  return [...(file === undefined ? [] : linesOfFile(file)), ...lines];
}

function parseHeader(line: string, env: NodeJS.ProcessEnv): [string, string] {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0)).trim();
  if (!FIELD_NAME.test(name)) {
    throw new DrawbridgeError(
      'usage',
      'A header must read "Name: value", with a name of letters, digits and dashes.',
    );
  }
  if (reserved.test(name)) {
    throw new DrawbridgeError(
      'usage',
      `The header "${name}" is set by the bridge itself and can't be given.`,
    );
  }
  const value = expandVariables(line.slice(colon + 1), env, (variable) => {
    throw new DrawbridgeError(
      'usage',
      `The header "${name}" names the environment variable ${variable}, which is not set.`,
    );
  }).replace(/^[ \t]+|[ \t]+$/g, '');
  if (!FIELD_VALUE.test(value)) {
    throw new DrawbridgeError(
      'usage',
      `The value of the header "${name}" holds a character that no header may have (a line break, a control or a non-ASCII character).`,
    );
  }
  return [name, value];
}

function linesOfFile(path: string): string[] {
  const text = readOwnFile(path);
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function readOwnFile(path: string): string {
  const refuse = (why: string): never => {
    throw new DrawbridgeError('usage', `The header file ${why}: ${path}`);
  };
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    return refuse(`can't be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return refuse('is not a regular file');
    if (stat.size > FILE_BYTES) return refuse('is larger than 16 KiB');
    // Windows has no such mode bits; its access lists are not looked into.
    if (process.platform !== 'win32') {
      if (stat.uid !== process.geteuid?.()) return refuse('belongs to another user');
      if (stat.mode & 0o077) return refuse('can be read by other users; run "chmod 600" on it');
    }
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}
