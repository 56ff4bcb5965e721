import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Logger, type LogSettings } from '../../../src/logger.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** What the writer put on the standard error, in the running test. */
const stderr: string[] = [];
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const writeSync = (descriptor: number, text: string): number => {
    if (descriptor !== 2) return fs.writeSync(descriptor, text);
    stderr.push(text);
    if (text.includes('EPIPE please')) throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    return text.length;
  };
  return { ...fs, writeSync };
});
const { createLogWriter } = await import('../../../src/platform/log-writer.ts');

// Each writer listens for errors of the standard error; a program has one writer, these tests have many.
process.stderr.setMaxListeners(100);
beforeEach(() => void stderr.splice(0));
afterEach(() => void vi.useRealTimers());

async function makeLogger(settings: Partial<LogSettings> = {}): Promise<Logger> {
  const log = new Logger({ level: 'info', format: 'text', ...settings }, createLogWriter);
  await log.open();
  return log;
}

describe('a line', () => {
  test('as text: time, level, event and fields, on one line', async () => {
    vi.useFakeTimers({ now: new Date('2026-01-02T03:04:05.678Z') });
    const log = await makeLogger();
    log.warn('message not delivered', { method: 'a\nb', status: 404, none: null, missing: undefined });
    expect(stderr).toEqual([
      '2026-01-02T03:04:05.678Z warn mcp-drawbridge: message not delivered method="a\\nb" status=404 none=null\n',
    ]);
  });

  test('as JSON: the same, with the process, for programs to read', async () => {
    vi.useFakeTimers({ now: new Date('2026-01-02T03:04:05.678Z') });
    const log = await makeLogger({ format: 'json' });
    log.error('e', { status: 404 });
    expect(stderr).toHaveLength(1);
    expect(JSON.parse(stderr[0] as string)).toEqual({
      level: 50,
      time: '2026-01-02T03:04:05.678Z',
      pid: process.pid,
      status: 404,
      msg: 'e',
    });
  });

  test('holds no control character of its event or fields, and is one line [95]', async () => {
    const log = await makeLogger();
    log.warn('e\u001b[31m\nfake line\u0007', { field: '\u001b[31m\u009b\n' });
    expect(stderr.join('')).toMatch(/^[^\u0000-\u001f\u007f-\u009f]*\n$/);
  });

  test('as JSON is one line, whatever it holds', async () => {
    const log = await makeLogger({ format: 'json' });
    log.warn('e\n\u001b[31m', { field: 'a\r\n' });
    expect(stderr.join('')).toMatch(/^[^\u0000-\u001f]*\n$/);
  });

  test('is written before the call returns, so that the last one before a crash is there', async () => {
    const log = await makeLogger();
    log.info('e');
    expect(stderr).toHaveLength(1);
  });

  test('below the level is not written', async () => {
    const log = await makeLogger({ level: 'error' });
    log.warn('e');
    expect(stderr).toEqual([]);
  });

  test('that nobody reads does not end the program', async () => {
    const file = join(tempFolder(), 'log');
    const log = await makeLogger({ file });
    expect(() => log.warn('EPIPE please')).not.toThrow();
    expect(readFileSync(file, 'utf8')).toContain('EPIPE please');
  });
});

describe('a secret [73]', () => {
  test.each(['s3cret-value', 'with "quotes"', 'back\\slash', 'tab\there', 'ümlaut', 'a/b+c=='])(
    'is in no line, as text or as JSON, in event or field: %s',
    async (secret) => {
      const file = join(tempFolder(), 'log');
      for (const format of ['text', 'json'] as const) {
        const log = await makeLogger({ format, file });
        log.protect(secret);
        log.warn(`got ${secret}`, { field: secret, inside: `a ${secret} b` });
      }
      const written = stderr.join('') + readFileSync(file, 'utf8');
      expect(written).toContain('[redacted]');
      for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) expect(written).not.toContain(form);
    },
  );
});

describe('the log file [74]', () => {
  test('gets the same lines as the standard error', async () => {
    const file = join(tempFolder(), 'log');
    const log = await makeLogger({ file });
    log.warn('one', { a: 1 });
    log.error('two');
    expect(readFileSync(file, 'utf8')).toBe(stderr.join(''));
  });

  test.skipIf(process.platform === 'win32')('is readable for its owner only', async () => {
    const file = join(tempFolder(), 'log');
    const umask = process.umask(0);
    try {
      await makeLogger({ file });
    } finally {
      process.umask(umask);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('is added to, not overwritten', async () => {
    const file = join(tempFolder(), 'log');
    writeFileSync(file, 'before\n');
    (await makeLogger({ file })).warn('after');
    expect(readFileSync(file, 'utf8')).toMatch(/^before\n.*after\n$/);
  });

  test.each(['a symbolic link', 'a broken symbolic link'])('is not written through %s', async (what) => {
    const folder = tempFolder();
    const target = join(folder, 'target');
    if (what === 'a symbolic link') writeFileSync(target, 'untouched');
    symlinkSync(target, join(folder, 'log'));
    await expect(makeLogger({ file: join(folder, 'log') })).rejects.toMatchObject({ reason: 'usage' });
    expect(existsSync(target) ? readFileSync(target, 'utf8') : undefined).toBe(
      what === 'a symbolic link' ? 'untouched' : undefined,
    );
  });

  test.each([
    ['a folder', (folder: string) => folder, 'EISDIR'],
    ['in a folder that is not there', (folder: string) => join(folder, 'none', 'log'), 'ENOENT'],
  ])('that is %s is a usage error that names it', async (_, path, code) => {
    const file = path(tempFolder());
    await expect(makeLogger({ file })).rejects.toMatchObject({
      reason: 'usage',
      message: expect.stringMatching(new RegExp(`\\(${code}\\): `)),
    });
  });
});

describe('rotation: at most five files of 1 MB [74]', () => {
  const numberOf = (path: string) => Number(/line=(\d+)/.exec(readFileSync(path, 'utf8'))?.[1]);

  test('the file is put aside before it grows beyond 1 MB; the oldest goes; no line is torn or lost between', async () => {
    const folder = tempFolder();
    const file = join(folder, 'log');
    const log = await makeLogger({ file });
    const filler = 'x'.repeat(20_000);
    for (let line = 0; line < 400; line++) log.warn('e', { line, filler });
    expect(readdirSync(folder).sort()).toEqual(['log', 'log.1', 'log.2', 'log.3', 'log.4']);
    const paths = ['log.4', 'log.3', 'log.2', 'log.1', 'log'].map((name) => join(folder, name));
    const text = paths.map((path) => readFileSync(path, 'utf8')).join('');
    for (const path of paths) expect(statSync(path).size).toBeLessThanOrEqual(1_000_000);
    const lines = text.trimEnd().split('\n');
    const first = numberOf(paths[0] as string);
    expect(lines.map((line) => Number(/line=(\d+)/.exec(line)?.[1]))).toEqual(
      Array.from({ length: 400 - first }, (_, n) => first + n),
    );
  });

  test('what an earlier run has written counts', async () => {
    const folder = tempFolder();
    const file = join(folder, 'log');
    appendFileSync(file, 'x'.repeat(999_990));
    (await makeLogger({ file })).warn('new');
    expect(statSync(join(folder, 'log.1')).size).toBe(999_990);
    expect(readFileSync(file, 'utf8')).toContain('new');
  });

  test.skipIf(process.platform === 'win32')('a new file is readable for its owner only, too', async () => {
    const folder = tempFolder();
    const file = join(folder, 'log');
    writeFileSync(file, 'x'.repeat(1_000_000), { mode: 0o600 });
    const log = await makeLogger({ file });
    const umask = process.umask(0);
    try {
      log.warn('new');
    } finally {
      process.umask(umask);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('one that fails costs no message: logging never stops the bridge', async () => {
    const folder = tempFolder();
    const file = join(folder, 'log');
    writeFileSync(file, 'x'.repeat(1_000_000));
    mkdirSync(join(folder, 'log.4', 'in the way'), { recursive: true });
    const log = await makeLogger({ file });
    expect(() => log.warn('new')).not.toThrow();
    expect(stderr.join('')).toContain('new');
  });
});
