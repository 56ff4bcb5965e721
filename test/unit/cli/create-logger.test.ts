import { beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '../../../src/cli/create-logger.ts';
import type { LogSettings, Scrub } from '../../../src/logger.ts';
import { createLogWriter } from '../../../src/platform/log-writer.ts';

const written: string[] = [];
vi.mock('../../../src/platform/log-writer.ts', () => ({
  createLogWriter: vi.fn((_settings: LogSettings, scrub: Scrub) => (...line: unknown[]) => {
    written.push(scrub(JSON.stringify(line)));
  }),
}));

beforeEach(() => {
  vi.mocked(createLogWriter).mockClear();
  written.length = 0;
});

test('what is written goes to the writer, without the secrets that were made known [73]', async () => {
  const settings: LogSettings = { level: 'info', format: 'json', file: 'bridge.log' };
  const log = createLogger(settings);
  log.protect('s3cret');
  log.info('something', { what: 'a s3cret b' });
  log.debug('too fine');
  await log.flush();
  expect(written).toEqual(['["info","something",{"what":"a [redacted] b"}]']);
  expect(vi.mocked(createLogWriter).mock.calls.map(([given]) => given)).toEqual([settings]);
});

test('a log that nobody writes to opens nothing', async () => {
  const log = createLogger({ level: 'warn', format: 'text', file: 'bridge.log' });
  log.info('nothing');
  await log.flush();
  expect(createLogWriter).not.toHaveBeenCalled();
});
