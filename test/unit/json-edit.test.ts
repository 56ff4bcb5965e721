import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keepElements, removeMembers, setMember } from '../../src/json-edit.ts';
import { jsonNodes, jsonSpace, pathsOf } from './helpers/json-document.ts';

describe('setMember [B-88]', () => {
  test.each([
    ['{"a":1}', ['a'], '2', '{"a":2}'],
    ['{ "a" : 1 , "b":9007199254740993}', ['c'], '2', '{"c":2, "a" : 1 , "b":9007199254740993}'],
    ['{}', ['a', 'b', 'c'], '1', '{"a":{"b":{"c":1}}}'],
    ['{"a":{ }}', ['a', 'b'], '1', '{"a":{"b":1 }}'],
    ['{"a":{"x":1e400}}', ['a', 'b'], '1', '{"a":{"b":1,"x":1e400}}'],
    ['{"a":null}', ['a', 'b'], '1', '{"a":{"b":1}}'],
    ['[]', ['a'], '1', '[]'],
  ])('%s, %j, %s', (text, path, json, expected) => {
    expect(setMember(text, path, json)).toBe(expected);
  });
});

describe('removeMembers [B-88]', () => {
  test.each([
    ['{"a":1,"b":2,"c":3}', [], ['b'], '{"a":1,"c":3}'],
    ['{"a":1,"a":2,"b":[1, 2.50]}', [], ['a'], '{"b":[1, 2.50]}'],
    ['{"a":{"b":1 , "c":1e400}}', ['a'], ['b'], '{"a":{"c":1e400}}'],
    ['{"a":{"b":1}}', ['a'], ['b'], '{"a":{}}'],
    ['{"a":[{"b":1}]}', ['a'], ['b'], '{"a":[{"b":1}]}'],
    ['{"a":1}', ['x'], ['a'], '{"a":1}'],
  ])('%s, at %j, of %j', (text, path, keys, expected) => {
    expect(removeMembers(text, path, (key) => keys.includes(key))).toBe(expected);
  });

  test('takes away what is named and leaves every other value as it was written', () => {
    fc.assert(
      fc.property(jsonNodes, jsonSpace, (document, space) => {
        const text = space + document.text;
        for (const { path } of pathsOf(document)) {
          const key = path[path.length - 1] ?? '';
          const parent = path.slice(0, -1);
          const result = JSON.parse(removeMembers(text, parent, (one) => one === key)) as unknown;
          const expected = JSON.parse(text) as unknown;
          let at = expected as Record<string, unknown>;
          for (const step of parent) at = at[step] as Record<string, unknown>;
          if (path.length > 0) delete at[key];
          expect(result).toEqual(expected);
        }
      }),
    );
  });
});

describe('keepElements', () => {
  test.each([
    ['{"a":[1, 2.0,3 ]}', ['a'], [true, false, true], '{"a":[1,3]}'],
    ['{"a":[1]}', ['a'], [false], '{"a":[]}'],
    ['{"a":[ 1 ]}', ['a'], [true], '{"a":[ 1 ]}'],
    ['{}', ['a'], [false], '{}'],
  ])('%s, at %j, %j', (text, path, keeps, expected) => {
    expect(keepElements(text, path, keeps)).toBe(expected);
  });
});
