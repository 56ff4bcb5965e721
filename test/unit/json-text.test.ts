import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  findElements,
  findMember,
  isUnambiguous,
  replaceAt,
  toOneLine,
  withId,
} from '../../src/json-text.ts';
import { arraysOf, escapeAll, jsonNodes, jsonSpace, pathsOf } from './helpers/json-document.ts';

const member = (text: string, ...path: string[]): string | undefined => {
  const span = findMember(text, ...path);
  return span && text.slice(span.start, span.end);
};

describe('findMember', () => {
  test('gives exactly the text of every member, in any formatting, the last of equal keys [85]', () => {
    fc.assert(
      fc.property(jsonNodes, jsonSpace, jsonSpace, (document, before, after) => {
        const text = `${before}${document.text}${after}`;
        JSON.parse(text);
        for (const { path, node } of pathsOf(document)) expect(member(text, ...path)).toBe(node.text);
      }),
    );
  });

  test('agrees with JSON.parse on which members there are', () => {
    fc.assert(
      fc.property(jsonNodes, fc.constantFrom('a', 'id', '__proto__', '', 'constructor'), (document, key) => {
        const value: unknown = JSON.parse(document.text);
        const isThere =
          typeof value === 'object' &&
          value !== null &&
          !Array.isArray(value) &&
          Object.getOwnPropertyDescriptor(value, key) !== undefined;
        expect(findMember(document.text, key) !== undefined).toBe(isThere);
      }),
    );
  });

  test.each([
    ['a number beyond 2^53', '{"id":9007199254740993123}', ['id'], '9007199254740993123'],
    ['a number as it was written', '{"id": 1.0e0 ,"x":1}', ['id'], '1.0e0'],
    ['an escaped key', `{"${escapeAll('id')}":1}`, ['id'], '1'],
    ['a key that only looks escaped', '{"\\\\u0069d":1,"id":2}', ['id'], '2'],
    ['the last of equal keys', '{"id":1,"id":2,"id":[3]}', ['id'], '[3]'],
    ['the last, though spelt otherwise', '{"id":1,"\\u0069d":2}', ['id'], '2'],
    ['__proto__ as data [84]', '{"__proto__":{"id":1},"id":2}', ['__proto__', 'id'], '1'],
    ['a key of the same name deeper down is another', '{"params":{"id":1},"id":2}', ['id'], '2'],
    ['a nested member', '{"a":{"b":{"c": "}" }}}', ['a', 'b', 'c'], '"}"'],
    ['a string that holds what looks like a member', '{"x":"\\",\\"id\\":7","id":8}', ['id'], '8'],
    ['a string that ends in backslashes', '{"x":"\\\\\\\\","id":9}', ['id'], '9'],
    ['a raw NUL escape', '{"x":"\\u0000","id":"\\u0000"}', ['id'], '"\\u0000"'],
  ])('finds %s', (_, text, path, expected) => {
    expect(member(text, ...path)).toBe(expected);
  });

  test.each([
    ['a key that is missing', '{"a":1}', ['b']],
    ['a way through an array', '{"a":[{"b":1}]}', ['a', 'b']],
    ['a way through a scalar', '{"a":null}', ['a', 'b']],
    ['text that is no object', '[1]', ['0']],
    ['an empty object', ' { } ', ['a']],
    ['an inherited property', '{}', ['constructor']],
  ])('gives nothing for %s', (_, text, path) => {
    expect(findMember(text, ...path)).toBeUndefined();
  });

  test('takes time in proportion to the text, also for a long string of quotes and backslashes', () => {
    const text = JSON.stringify({ x: '\\"'.repeat(500_000), y: '['.repeat(500_000), id: 7 });
    expect(member(text, 'id')).toBe('7');
  });

  test('takes nesting that would overflow a recursive reader', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(member(`{"a":${deep},"id":1}`, 'a')).toBe(deep);
  });
});

describe('findElements', () => {
  test('gives exactly the text of each element, in any formatting [63, 85]', () => {
    fc.assert(
      fc.property(jsonNodes, jsonSpace, (document, before) => {
        for (const { text, elements } of arraysOf(document)) {
          const spaced = before + text;
          const found = findElements(spaced).map(({ start, end }) => spaced.slice(start, end));
          expect(found).toEqual(elements?.map((element) => element.text));
        }
      }),
    );
  });

  test('begins at the array that is named', () => {
    const text = '{"other":[9],"tools":[ {"a":1} , 2 ]}';
    const array = findMember(text, 'tools');
    const found = findElements(text, array?.start).map(({ start, end }) => text.slice(start, end));
    expect(found).toEqual(['{"a":1}', '2']);
  });
});

describe('isUnambiguous', () => {
  test.each([
    ['{"params":{"name":"a"}}', true],
    ['{"params":{"name":"a","x":{"name":"b"}},"name":"c"}', true],
    ['{"params":{}}', true],
    ['{}', true],
    ['{"params":[]}', true],
    ['{"params":{"name":"a","name":"a"}}', false],
    ['{"params":{"name":"a","n\\u0061me":"b"}}', false],
    ['{"params":{"name":"a"},"params":{"name":"b"}}', false],
    ['{"params":null,"params":{"name":"b"}}', false],
  ])('%s names params and name once: %s', (text, expected) => {
    expect(isUnambiguous(text, 'params', 'name')).toBe(expected);
  });
});

describe('replaceAt', () => {
  test('leaves every other byte as it was, and puts special patterns in literally', () => {
    const text = '{ "id" : 12345678901234567890 , "big":1e999 }';
    const span = findMember(text, 'id');
    expect(span && replaceAt(text, span, '"$&$1"')).toBe('{ "id" : "$&$1" , "big":1e999 }');
  });
});

describe('toOneLine', () => {
  test('leaves no line break and the same value, whatever the formatting [79, L-01]', () => {
    fc.assert(
      fc.property(jsonNodes, jsonSpace, ({ text }, around) => {
        const line = toOneLine(around + text + around);
        expect(line).not.toMatch(/[\r\n]/);
        expect(JSON.parse(line)).toEqual(JSON.parse(text));
        expect(line).toHaveLength((around + text + around).length);
      }),
    );
  });

  test('gives text that is one line already back as it is', () => {
    const text = '{"a":"\\n\u2028"}';
    expect(toOneLine(text)).toBe(text);
  });
});

describe('withId', () => {
  test.each([
    ['{"jsonrpc":"2.0","id":"1","result":{}}', 1, '{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['{"id":null,"error":{"id":5}}', 'a', '{"id":"a","error":{"id":5}}'],
    [' {"jsonrpc":"2.0","error":{}}', 7, ' {"id":7,"jsonrpc":"2.0","error":{}}'],
    ['{"error":{}}', "$$ $& $' $1", '{"id":"$$ $& $\' $1","error":{}}'],
    ['{"error":{"id":5}}', 'é"', '{"id":"é\\"","error":{"id":5}}'],
  ])('%s with the id %j is %s [M-32]', (text, id, expected) => {
    expect(withId(text, id)).toBe(expected);
  });

  test('puts any id in, as it is', () => {
    const id = fc.oneof(
      fc.maxSafeInteger(),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('$', '&', '`', "'", '1', '<', '"', '\\', '{') }),
    );
    const texts = fc.constantFrom('{"jsonrpc":"2.0","id":"x","error":{}}', '{"jsonrpc":"2.0","error":{}}');
    fc.assert(
      fc.property(id, texts, (given, text) => {
        expect(JSON.parse(withId(text, given))).toEqual({ jsonrpc: '2.0', id: given, error: {} });
      }),
    );
  });
});
