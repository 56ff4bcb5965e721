import { closeSync, constants, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import pino from 'pino';
import { DrawbridgeError } from '../errors.ts';
import type { LogSettings, LogWriter, Scrub } from '../logger.ts';

const FILE_BYTES = 1_000_000;
const FILES_KEPT = 5;

/**
 * The writer behind the logger: pino, synchronous, so that the last line before a crash is there too.
 *
 * @throws DrawbridgeError `usage` where the log file can't be opened
 */
export async function createLogWriter(settings: LogSettings, scrub: Scrub): Promise<LogWriter> {
  // Opening the stream makes the descriptor non-blocking: a client that does not read stderr must not stop us.
  process.stderr.on('error', () => {});
  const file = settings.file === undefined ? undefined : new RotatingFile(settings.file);
  const write = (line: string): void => {
    // No control character reaches a terminal; pino has escaped those that JSON escapes.
    const clean = `${scrub(settings.format === 'json' ? line : textLine(line)).replace(/[\u0000-\u001f\u007f-\u009f]/g, '')}\n`;
    writeToStderr(clean);
    file?.write(clean);
  };
  const log = pino(
    { level: settings.level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    { write },
  );
  return (level, event, fields) => log[level](fields, event);
}

function textLine(json: string): string {
  const { level, time, pid: _pid, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const label = pino.levels.labels[level as number] as string;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  return `${time} ${label} mcp-drawbridge: ${msg}${rest.join('')}\n`;
}

function writeToStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // EAGAIN or EPIPE: whoever started us does not read stderr; a log line is not worth dying for.
  }
}

/** At most five files of 1 MB: `path`, then `path.1` (newer) to `path.4` (oldest). */
class RotatingFile {
  readonly #path: string;
  #descriptor: number;
  #size: number;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = open(path);
    this.#size = fstatSync(this.#descriptor).size;
  }

  write(text: string): void {
    try {
      if (this.#size + text.length > FILE_BYTES) this.#rotate();
      this.#size += writeSync(this.#descriptor, text);
    } catch {
      // A full disk, or a file that another process holds: stderr still has the line.
    }
  }

  #rotate(): void {
    try {
      closeSync(this.#descriptor);
      rmSync(`${this.#path}.${FILES_KEPT - 1}`, { force: true });
      for (let age = FILES_KEPT - 1; age > 0; age--) {
        renameIfThere(age === 1 ? this.#path : `${this.#path}.${age - 1}`, `${this.#path}.${age}`);
      }
    } finally {
      this.#descriptor = open(this.#path);
      this.#size = fstatSync(this.#descriptor).size;
    }
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Never through a symbolic link: another user could have planted it in a shared folder. */
function open(path: string): number {
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW = 0 } = constants;
  try {
    return openSync(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DrawbridgeError('usage', `The log file can't be opened (${code}): ${path}`);
  }
}
