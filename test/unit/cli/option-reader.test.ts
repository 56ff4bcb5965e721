import { describe, expect, test } from 'vitest';
import { OptionReader } from '../../../src/cli/option-reader.ts';
import type { OptionValues } from '../../../src/cli/options.ts';

const reader = (given: OptionValues = {}, env: NodeJS.ProcessEnv = {}) => new OptionReader(given, env);
const fault = (message: string) => expect.objectContaining({ reason: 'usage', exitCode: 2, message });

test('the option wins over its variable, the variable over nothing', () => {
  const env = { MCP_DRAWBRIDGE_PROFILE: 'from-env' };
  expect(reader({ profile: 'given' }, env).text('profile')).toBe('given');
  expect(reader({}, env).text('profile')).toBe('from-env');
  expect(reader({}, { MCP_DRAWBRIDGE_PROFILE: '' }).text('profile')).toBeUndefined();
  expect(reader().text('profile')).toBeUndefined();
});

test('an option that is given without a value is a fault, whichever is asked for', () => {
  expect(() => reader({ profile: '' })).toThrow(fault('--profile needs a value.'));
  expect(() => reader({ 'authorize-param': ['a=b', ''] })).toThrow(fault('--authorize-param needs a value.'));
});

test('a list', () => {
  expect(reader({ 'allow-tool': ['a', 'b\nc'] }).list('allow-tool')).toEqual(['a', 'b\nc']);
  expect(reader({}, { MCP_DRAWBRIDGE_ALLOW_TOOL: 'a\r\nb c\n\nd' }).list('allow-tool')).toEqual([
    'a',
    'b c',
    'd',
  ]);
  expect(reader().list('allow-tool')).toEqual([]);
});

describe('a switch', () => {
  test.each([
    [undefined, false],
    ['', false],
    ['1', true],
    ['TRUE', true],
    ['yes', true],
    ['0', false],
    ['false', false],
    ['No', false],
  ])('in the environment, %j is %s', (value, is) => {
    expect(reader({}, { MCP_DRAWBRIDGE_NO_BROWSER: value }).flag('no-browser')).toBe(is);
  });

  test('on the command line', () => {
    expect(reader({ 'no-browser': true }, { MCP_DRAWBRIDGE_NO_BROWSER: '0' }).flag('no-browser')).toBe(true);
  });

  test('anything else is a fault', () => {
    expect(() => reader({}, { MCP_DRAWBRIDGE_NO_BROWSER: 'maybe' }).flag('no-browser')).toThrow(
      fault('MCP_DRAWBRIDGE_NO_BROWSER is a switch: 1 or 0.'),
    );
  });
});

test('a choice', () => {
  expect(reader({ transport: 'sse' }).choice('transport', ['auto', 'sse'], 'auto')).toBe('sse');
  expect(reader().choice('transport', ['auto', 'sse'], 'auto')).toBe('auto');
  expect(() => reader({ transport: 'x' }).choice('transport', ['auto', 'sse'], 'auto')).toThrow(
    fault('--transport must be one of auto, sse.'),
  );
});

describe('a number', () => {
  const read = (value: string) => reader({ 'keep-alive': value }).number('keep-alive', 1, 60);

  test.each([
    ['1', 1],
    ['60', 60],
    ['2.5', 2.5],
    ['007', 7],
  ])('%s', (value, number) => {
    expect(read(value)).toBe(number);
  });

  test.each(['0', '61', '-1', '+1', '1e1', '0x1', ' 1', '1 ', '.5', '1.', 'NaN', 'Infinity', '１'])(
    '%j is none',
    (value) => {
      expect(() => read(value)).toThrow(fault('--keep-alive must be a number from 1 to 60.'));
    },
  );

  test('in seconds, as milliseconds', () => {
    expect(reader({ 'keep-alive': '2.5' }).seconds('keep-alive', 1, 60)).toBe(2500);
    expect(reader().seconds('keep-alive', 1, 60)).toBeUndefined();
  });
});
