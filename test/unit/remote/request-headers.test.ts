import { describe, expect, test } from 'vitest';
import {
  commonHeaders,
  isHeaderSafe,
  postHeaders,
  streamHeaders,
} from '../../../src/remote/request-headers.ts';

describe('what is put into a header on the word of the remote [94, L-48]', () => {
  test.each(['a', '!~', 'x'.repeat(1024), '9f8e-77', '{"a":1}'])('"%s" may be', (value) => {
    expect(isHeaderSafe(value)).toBe(true);
  });

  test.each(['', ' ', 'a b', 'a\t', 'a\r\nX: y', 'a\n', 'a\0', 'é', '\u007f', '😀', 'x'.repeat(1025)])(
    '%j may not be',
    (value) => {
      expect(isHeaderSafe(value)).toBe(false);
    },
  );
});

describe('the headers of every request', () => {
  const own = { 'X-Team': 'a' };

  test("the user's, the session's and the credential [L-18, L-19, L-45]", () => {
    expect(commonHeaders(own, { id: 's', protocolVersion: '2025-11-25' }, 'Bearer t')).toEqual({
      'X-Team': 'a',
      'Mcp-Session-Id': 's',
      'MCP-Protocol-Version': '2025-11-25',
      Authorization: 'Bearer t',
    });
  });

  test('no session, no session header; no credential, no credential header [L-46]', () => {
    expect(commonHeaders(own, undefined, undefined)).toEqual(own);
    expect(commonHeaders(own, { id: undefined, protocolVersion: undefined }, undefined)).toEqual(own);
    expect(commonHeaders({}, { id: undefined, protocolVersion: 'v' }, undefined)).toEqual({
      'MCP-Protocol-Version': 'v',
    });
  });

  test('a POST accepts both forms of answer and asks for no coding [L-12, L-14]', () => {
    expect(postHeaders(own)).toEqual({
      ...own,
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      'Accept-Encoding': 'identity',
    });
  });

  test('a GET accepts a stream, and names the last event where there is one [L-33, L-37]', () => {
    expect(streamHeaders(own, undefined)).toEqual({
      ...own,
      Accept: 'text/event-stream',
      'Accept-Encoding': 'identity',
    });
    expect(streamHeaders(own, '7')).toHaveProperty('Last-Event-ID', '7');
  });

  test('the given headers stay as they were', () => {
    const before = { ...own };
    postHeaders(own);
    streamHeaders(own, '1');
    expect(own).toEqual(before);
  });
});
