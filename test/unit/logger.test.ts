import { describe, expect, test, vi } from 'vitest';
import { Logger, type LogLevel, logLevels, type Scrub } from '../../src/logger.ts';

function makeLogger(level: LogLevel = 'warn') {
  const lines: string[] = [];
  let scrub: Scrub = (text) => text;
  const load = vi.fn(async (_settings: unknown, given: Scrub) => {
    scrub = given;
    return (at: LogLevel, event: string) => lines.push(`${at} ${event}`);
  });
  const log = new Logger({ level, format: 'text' }, load);
  return { log, lines, load, scrub: (text: string) => scrub(text) };
}

describe('levels', () => {
  test.each(logLevels)('at level %s, that and what is graver is logged', async (level) => {
    const { log, lines } = makeLogger(level);
    for (const each of logLevels) log[each]('e');
    await log.flush();
    expect(lines).toEqual(logLevels.slice(0, logLevels.indexOf(level) + 1).map((each) => `${each} e`));
  });
});

describe('the writer', () => {
  test('is not loaded for lines that are not logged', async () => {
    const { log, load } = makeLogger();
    log.info('e');
    log.debug('e', { a: 1 });
    await log.flush();
    expect(load).not.toHaveBeenCalled();
  });

  test('is loaded once, with the first line, and gets the lines in their order', async () => {
    const { log, load, lines } = makeLogger();
    log.warn('1');
    log.error('2');
    expect(lines).toEqual([]);
    await log.flush();
    log.warn('3');
    expect(lines).toEqual(['warn 1', 'error 2', 'warn 3']);
    expect(load).toHaveBeenCalledOnce();
  });

  test('is loaded by open, whose failure is told', async () => {
    const log = new Logger({ level: 'warn', format: 'text', file: 'x' }, async () => {
      throw new Error('no such folder');
    });
    await expect(log.open()).rejects.toThrow('no such folder');
  });
});

describe('a secret that was made known [73]', () => {
  async function scrubbed(secrets: string[], text: string): Promise<string> {
    const { log, scrub } = makeLogger();
    await log.open();
    for (const secret of secrets) log.protect(secret);
    return scrub(text);
  }

  test('is blotted out wherever it stands', async () => {
    expect(await scrubbed(['s3cret'], 'a s3cret b=s3crets3cret')).toBe('a [redacted] b=[redacted][redacted]');
  });

  test('is blotted out also without its scheme, and as JSON writes it', async () => {
    expect(await scrubbed(['Bearer s3cret'], 'x=s3cret Bearer s3cret')).toBe('x=[redacted] [redacted]');
    expect(await scrubbed(['a"b\\c'], '{"x":"a\\"b\\\\c"}')).toBe('{"x":"[redacted]"}');
  });

  test('is taken literally, not as a pattern', async () => {
    expect(await scrubbed(['a.b$&'], 'a.b$& axb$&')).toBe('[redacted] axb$&');
  });

  test('is blotted out whole, also where another is its beginning', async () => {
    expect(await scrubbed(['prod', 'prod-3f9a7c'], 'key=prod-3f9a7c')).not.toContain('3f9a7c');
  });

  test('of under four characters is let be: it would blot out innocent text', async () => {
    expect(await scrubbed(['abc', ''], 'abcd')).toBe('abcd');
  });
});
