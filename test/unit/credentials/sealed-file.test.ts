import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatOf, type Opened, openSealed, seal, storeKey } from '../../../src/credentials/sealed-file.ts';

const key = storeKey(randomBytes(32));
const record = 'ab'.repeat(32);
const payload = Buffer.from(JSON.stringify({ refreshToken: 'canary-refresh-token' }));
const headerOf = (file: Buffer): Record<string, unknown> =>
  JSON.parse(file.subarray(8, 8 + file.readUInt16BE(6)).toString());

/** The file with another header, all else as it was. */
function withHeader(file: Buffer, header: unknown): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([file.subarray(0, 6), length, text, file.subarray(8 + file.readUInt16BE(6))]);
}

describe('a sealed file (security.md section 5)', () => {
  test('has the layout of the format', () => {
    const file = seal(payload, record, 7, key);
    expect(file.subarray(0, 4).toString('latin1')).toBe('BRG1');
    expect([...file.subarray(4, 6)]).toEqual([1, 1]);
    const header = headerOf(file);
    expect(header).toEqual({
      rec: record,
      kid: key.kid,
      gen: 7,
      salt: expect.stringMatching(/^[\w-]{43}$/),
      kcv: expect.stringMatching(/^[\w-]{11}$/),
    });
    expect(file.length).toBe(8 + file.readUInt16BE(6) + 12 + payload.length + 16);
  });

  test('opens with its key under its name, whatever the payload and the generation', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 5000 }),
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        (bytes, generation) => {
          const opened = openSealed(seal(Buffer.from(bytes), record, generation, key), record, key) as Opened;
          expect(opened.generation).toBe(generation);
          expect(opened.payload.equals(Buffer.from(bytes))).toBe(true);
        },
      ),
    );
  });

  test('holds nothing in clear, and is another one each time', () => {
    const [one, other] = [seal(payload, record, 1, key), seal(payload, record, 1, key)];
    expect(one.includes('canary')).toBe(false);
    expect(headerOf(one).salt).not.toBe(headerOf(other).salt);
    expect(one.subarray(-16).equals(other.subarray(-16))).toBe(false);
  });

  test('with any one byte changed does not open, and is never taken for one of another key [T51]', () => {
    const file = seal(payload, record, 1, key);
    for (let at = 0; at < file.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = Buffer.from(file);
        changed[at] = (changed[at] as number) ^ flip;
        const isFormat = at === 4 || at === 5;
        const expected = isFormat && changed[at] !== 0 ? 'newer-format' : 'damaged';
        expect(openSealed(changed, record, key), `byte ${at}`).toBe(expected);
      }
    }
  });

  test('cut at any length does not open [T51]', () => {
    const file = seal(payload, record, 1, key);
    for (let length = 0; length < file.length; length++) {
      expect(openSealed(file.subarray(0, length), record, key), `${length} bytes`).toBe('damaged');
    }
    expect(openSealed(Buffer.concat([file, Buffer.from([0])]), record, key)).toBe('damaged');
  });

  test('of another record, or with the header or body of another, does not open [T51]', () => {
    const mine = seal(payload, record, 1, key);
    const other = seal(payload, 'cd'.repeat(32), 1, key);
    expect(openSealed(other, record, key)).toBe('damaged');
    const bodyOf = (file: Buffer): Buffer => file.subarray(8 + file.readUInt16BE(6));
    const headOf = (file: Buffer): Buffer => file.subarray(0, 8 + file.readUInt16BE(6));
    expect(openSealed(Buffer.concat([headOf(mine), bodyOf(other)]), record, key)).toBe('damaged');
    const older = seal(payload, record, 2, key);
    expect(openSealed(Buffer.concat([headOf(mine), bodyOf(older)]), record, key)).toBe('damaged');
    expect(openSealed(withHeader(mine, { ...headerOf(mine), gen: 2 }), record, key)).toBe('damaged');
  });

  test('tells another key from damage', () => {
    const file = seal(payload, record, 1, key);
    expect(openSealed(file, record, storeKey(randomBytes(32)))).toBe('wrong-key');
    expect(openSealed(file, record, undefined)).toBe('wrong-key');
    expect(openSealed(Buffer.from('garbage'), record, undefined)).toBe('damaged');
  });

  test.each([
    ['a later version', 4],
    ['a later suite', 5],
  ])('in %s is told by its first bytes, with or without a key [54]', (_, at) => {
    const file = seal(payload, record, 1, key);
    file[at] = 2;
    expect(openSealed(file, record, key)).toBe('newer-format');
    expect(openSealed(file, record, undefined)).toBe('newer-format');
    expect(formatOf(file.subarray(0, 6))).toBe('newer-format');
  });

  test.each([
    '',
    'null',
    '[]',
    '{}',
    '{"rec":1}',
    'not JSON',
    JSON.stringify({ rec: record, kid: key.kid, gen: 0, salt: 'x', kcv: 'x' }),
    JSON.stringify({ rec: record, kid: key.kid, gen: 1, salt: 'A'.repeat(43), kcv: 'AAA' }),
    JSON.stringify({ rec: record, kid: key.kid, gen: 1.5, salt: 'A'.repeat(43), kcv: 'A'.repeat(11) }),
    'x'.repeat(5000),
  ])('with the header %s is damaged', (header) => {
    expect(openSealed(withHeader(seal(payload, record, 1, key), header), record, key)).toBe('damaged');
  });

  test('that is anything else makes no exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isNamed) => {
        const file = Buffer.concat([Buffer.from(isNamed ? 'BRG1\x01\x01' : '', 'latin1'), bytes]);
        expect(['damaged', 'newer-format']).toContain(openSealed(file, record, key));
      }),
    );
  });
});

test('a key is named by what is derived from it', () => {
  const bytes = randomBytes(32);
  expect(storeKey(bytes).kid).toMatch(/^[0-9a-f]{16}$/);
  expect(storeKey(Buffer.from(bytes)).kid).toBe(storeKey(bytes).kid);
  expect(storeKey(randomBytes(32)).kid).not.toBe(storeKey(bytes).kid);
  expect(bytes.toString('hex')).not.toContain(storeKey(bytes).kid);
});
