import { describe, expect, test } from 'vitest';
import { Cookies } from '../../../src/platform/cookies.ts';

function jar(url = 'https://mcp.example.com/mcp'): Cookies {
  return new Cookies(new URL(url));
}

const names = (header: string | undefined): string[] =>
  header === undefined ? [] : header.split('; ').map((pair) => pair.split('=')[0] as string);

describe('cookies of the one origin [106]', () => {
  test('come back with the next request, the newest value of each', () => {
    const cookies = jar();
    expect(cookies.header('/mcp')).toBeUndefined();
    cookies.store(['a=1; Path=/; Secure; HttpOnly', 'b=2; Path=/']);
    cookies.store(['a=3; Path=/']);
    expect(cookies.header('/mcp')).toBe('a=3; b=2');
  });

  test('go with the paths that they are for', () => {
    const cookies = jar();
    cookies.store(['a=1; Path=/mcp', 'b=2; Path=/other']);
    expect(cookies.header('/mcp?x=1')).toBe('a=1');
    expect(cookies.header('/other/x')).toBe('b=2');
    expect(cookies.header('/mcpx')).toBeUndefined();
  });

  test('go when their time is over, or the server takes them back', () => {
    const cookies = jar();
    cookies.store(['a=1', 'b=2; Max-Age=0', 'c=3; Expires=Thu, 01 Jan 1970 00:00:00 GMT']);
    expect(cookies.header('/mcp')).toBe('a=1');
    cookies.store(['a=1; Max-Age=0']);
    expect(cookies.header('/mcp')).toBeUndefined();
  });

  test('of another host are not taken', () => {
    const cookies = jar();
    cookies.store(['a=1; Domain=evil.test', 'b=2; Domain=other.example.com']);
    expect(cookies.header('/mcp')).toBeUndefined();
  });

  test.each([
    'http://localhost:3000/mcp',
    'http://127.0.0.1:3000/mcp',
    'http://[::1]:3000/mcp',
    'https://internal/mcp',
  ])('work for %s too', (url) => {
    const cookies = jar(url);
    cookies.store(['a=1; Path=/']);
    expect(cookies.header('/mcp')).toBe('a=1');
  });

  test.each(['', ';', '=', 'a', '\u0000=1', 'a=1; Expires=never; Path=x; Domain=', 'a=\u001b'])(
    'that are malformed do no harm: %j',
    (line) => {
      expect(() => jar().store([line])).not.toThrow();
    },
  );
});

describe('bounds [106]', () => {
  const many = (path: string) => Array.from({ length: 100 }, (_, n) => `c${n}=${n}; Path=${path}`);

  test('at most twenty, the oldest go', () => {
    const cookies = jar();
    cookies.store(many('/'));
    expect(names(cookies.header('/mcp'))).toEqual(Array.from({ length: 20 }, (_, n) => `c${80 + n}`));
  });

  test('the oldest go also where an older one has a shorter path', () => {
    const cookies = jar();
    cookies.store(Array.from({ length: 20 }, (_, n) => `c${n}=${n}; Path=/`));
    cookies.store(['new=1; Path=/mcp']);
    const kept = names(cookies.header('/mcp'));
    expect(kept).toContain('new');
    expect(kept).not.toContain('c0');
    expect(kept).toHaveLength(20);
  });

  test('cookies for other paths count too', () => {
    const cookies = jar();
    cookies.store(many('/other'));
    expect(names(cookies.header('/other')).length).toBeLessThanOrEqual(20);
  });

  test('one of more than 4 KiB is not taken', () => {
    const cookies = jar();
    cookies.store([`a=${'x'.repeat(4094)}`, `b=${'x'.repeat(4095)}`]);
    expect(names(cookies.header('/mcp'))).toEqual(['a']);
  });
});
