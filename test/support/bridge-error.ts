import { expect } from 'vitest';
import type { Message } from './json-rpc.ts';

/** Checks an error made by the bridge itself, of this reason (or one of these), and gives its data. */
export function expectBridgeError(answer: Message, ...reasons: string[]): Record<string, unknown> {
  expect(answer, JSON.stringify(answer).slice(0, 1000)).toHaveProperty('error');
  const { code, message, data } = answer.error as NonNullable<Message['error']>;
  expect(data, message).toMatchObject({ source: 'mcp-drawbridge' });
  expect(reasons, message).toContain(data.reason);
  expect(code).toBe(-31000);
  expectShownText(message);
  if (data.remote !== undefined) expectShownText(typeof data.remote === 'string' ? data.remote : '');
  return data;
}

/** Text shown to people: at most 500 characters on one line, without control characters. */
export function expectShownText(text: string): void {
  expect(text.length).toBeLessThanOrEqual(500);
  expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
}
