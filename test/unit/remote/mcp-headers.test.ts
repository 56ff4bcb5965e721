import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { headerValue, modernHeaders } from '../../../src/remote/mcp-headers.ts';
import { metaKeys } from '../../../src/revisions.ts';

const version = { _meta: { [metaKeys.protocolVersion]: '2026-07-28' } };

/** What a server reads out of a header: both marks are looked at, each for itself. */
function decoded(value: string): string {
  if (!value.startsWith('=?base64?') || !value.endsWith('?=')) return value;
  return Buffer.from(value.slice(9, -2), 'base64').toString();
}

describe('the value of a header', () => {
  test.each([
    ['us-west1', 'us-west1'],
    ['Hello, World: "x"; a=b', 'Hello, World: "x"; a=b'],
    ['a  b', 'a  b'],
  ])('%j is sent as it is [M-20]', (text, value) => {
    expect(headerValue(text)).toBe(value);
  });

  test('nothing is sent as nothing [M-22]', () => {
    expect(headerValue('')).toBe('');
  });

  test.each([
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['\ttab', '=?base64?CXRhYg==?='],
    ['é', '=?base64?w6k=?='],
    ['=?base64?abc?=', '=?base64?PT9iYXNlNjQ/YWJjPz0=?='],
  ])('%j is coded [M-21]', (text, value) => {
    expect(headerValue(text)).toBe(value);
  });

  test.each(['=?base64?=', '=?base64??=', '=?BASE64?eA==?=', 'a\r\nX-Evil: 1', '\u0000', '\u007f', '\u0085'])(
    '%j, which some reader could take for something else, is coded [M-21, S-42]',
    (text) => {
      expect(headerValue(text)).not.toBe(text);
      expect(decoded(headerValue(text))).toBe(text);
    },
  );

  test('says the same to the server, whatever it is, and is one line of ASCII [M-21, S-42]', () => {
    const hostile = fc.string({ unit: fc.constantFrom('=', '?', 'base64', ' ', '\t', '\r', '\n', 'é', 'x') });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), hostile), (text) => {
        const value = headerValue(text);
        expect(value).toMatch(/^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/);
        expect(decoded(value)).toBe(Buffer.from(text).toString());
      }),
    );
  });
});

describe('the headers of a message', () => {
  test('name its revision and its method [M-06, M-07]', () => {
    expect(modernHeaders('tools/list', version)).toEqual({
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/list',
    });
  });

  test('name the revision that the body names, whichever that is [M-06, B-80]', () => {
    const params = { _meta: { [metaKeys.protocolVersion]: '2027-01-01\r\nX: 1' } };
    expect(modernHeaders('x', params)['MCP-Protocol-Version']).toBe(headerValue('2027-01-01\r\nX: 1'));
  });

  test.each([undefined, null, [], 'x', { _meta: null }, { _meta: { [metaKeys.protocolVersion]: 7 } }])(
    'name the latest revision where the body names none: %j [Q-15]',
    (params) => {
      expect(modernHeaders('notifications/x', params)).toEqual({
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': 'notifications/x',
      });
    },
  );

  test.each([
    ['tools/call', { name: 'echo' }, 'echo'],
    ['prompts/get', { name: 'greet me' }, 'greet me'],
    ['resources/read', { uri: 'file:///a/%C3%A9' }, 'file:///a/%C3%A9'],
    ['resources/read', { uri: 'file:///é' }, headerValue('file:///é')],
    [
      'tools/call',
      { name: 'x\r\nAuthorization: Bearer evil' },
      headerValue('x\r\nAuthorization: Bearer evil'),
    ],
  ])('%s with %j names it [M-08, M-21]', (method, params, name) => {
    expect(modernHeaders(method, params)['Mcp-Name']).toBe(name);
  });

  test.each(['tasks/get', 'tasks/update', 'tasks/cancel'])('%s names its task [M-09]', (method) => {
    expect(modernHeaders(method, { taskId: 't-1', name: 'no' })['Mcp-Name']).toBe('t-1');
  });

  test.each([
    ['tools/list', { name: 'x' }],
    ['tools/call', { name: 7 }],
    ['tools/call', {}],
    ['resources/subscribe', { uri: 'x' }],
    ['__proto__', { name: 'x' }],
    ['constructor', { name: 'x' }],
    ['toString', { name: 'x' }],
  ])('%s with %j has no name [M-08, S-41]', (method, params) => {
    expect(modernHeaders(method, params)).not.toHaveProperty('Mcp-Name');
  });

  test('a method that breaks lines stays in its header [S-42]', () => {
    expect(modernHeaders('a\r\nX-Evil: 1', {})['Mcp-Method']).toBe(headerValue('a\r\nX-Evil: 1'));
  });
});

describe('the headers of arguments', () => {
  const of = (args: unknown, ...path: string[]) =>
    modernHeaders('tools/call', { name: 't', arguments: args }, [{ name: 'X', path }])['Mcp-Param-X'];

  test.each([
    ['text', 'text'],
    ['', ''],
    [42, '42'],
    [-7, '-7'],
    [9007199254740991, '9007199254740991'],
    [true, 'true'],
    [false, 'false'],
    ['日本', headerValue('日本')],
  ])('%j becomes %j [M-14, M-20, M-22]', (value, header) => {
    expect(of({ a: value }, 'a')).toBe(header);
  });

  test.each([
    [{}],
    [{ a: null }],
    [{ a: {} }],
    [{ a: ['x'] }],
    [{ a: 1.5 }],
    [{ a: 1e300 }],
    [{ a: Number.MAX_SAFE_INTEGER + 1 }],
    [undefined],
    [null],
    ['x'],
    [['x']],
  ])('%j has none [M-17, M-19]', (args) => {
    expect(of(args, 'a')).toBeUndefined();
  });

  test('are read at the very place, and nowhere else [M-19, S-41]', () => {
    expect(of({ a: { b: 'x' } }, 'a', 'b')).toBe('x');
    expect(of({ a: 'x' }, 'a', 'length')).toBeUndefined();
    expect(of({ a: ['x'] }, 'a', '0')).toBeUndefined();
    expect(of({}, '__proto__', 'constructor', 'name')).toBeUndefined();
    expect(of({}, 'toString')).toBeUndefined();
    expect(of(JSON.parse('{"__proto__":{"x":"own"}}'), '__proto__', 'x')).toBe('own');
  });
});
