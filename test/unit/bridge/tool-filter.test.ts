import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesGlob, ToolFilter } from '../../../src/bridge/tool-filter.ts';
import { byteText } from '../helpers/byte-chunks.ts';
import { jsonNodes, jsonSpace } from '../helpers/json-document.ts';

/** The same rule, said as a regular expression: clear, but slow on hostile patterns. */
function matchesByRegExp(name: string, glob: string): boolean {
  const source = [...glob]
    .map((char) => ({ '*': '.*', '?': '.' })[char] ?? char.replace(/[\\^$.|+()[\]{}]/g, '\\$&'))
    .join('');
  return new RegExp(`^${source}$`, 'is').test(name);
}

describe('matchesGlob', () => {
  test.each([
    ['read_file', 'read_file', true],
    ['read_file', 'READ_file', true],
    ['read_file', 'read', false],
    ['read_file', '*', true],
    ['', '*', true],
    ['', '', true],
    ['', '?', false],
    ['a', '', false],
    ['read_file', 'read_*', true],
    ['read_', 'read_*', true],
    ['unread_file', 'read_*', false],
    ['read_file', '*file', true],
    ['read_file', '*_*', true],
    ['read_file', '*a*l*', true],
    ['read_file', '*l*a*', false],
    ['abc', 'a?c', true],
    ['ac', 'a?c', false],
    ['abc', '???', true],
    ['abcd', '???', false],
    ['aXbXc', 'a*X?', true],
    ['a.b', 'a.b', true],
    ['aXb', 'a.b', false],
    ['a[b]c', 'a[b]c', true],
    ['b', '[b]', false],
    ['a\nb', 'a*b', true],
    ['delete', '!delete', false],
    ['größe', 'GRÖ*', true],
  ])('"%s" against "%s" is %s', (name, glob, expected) => {
    expect(matchesGlob(name, glob)).toBe(expected);
  });

  test('agrees with the reference for any name and pattern', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '.', '*', '?', '_'), maxLength: 12 });
    fc.assert(
      fc.property(text, text, (name, glob) => {
        expect(matchesGlob(name, glob)).toBe(matchesByRegExp(name, glob));
      }),
      { numRuns: 2000 },
    );
  });

  test('a hostile pattern takes no time [F]', () => {
    const before = performance.now();
    expect(matchesGlob('a'.repeat(5000), `${'*a'.repeat(500)}b`)).toBe(false);
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe('allows', () => {
  test.each([
    [[], [], 'x', true],
    [['read_*'], [], 'read_file', true],
    [['read_*'], [], 'write_file', false],
    [['read_*', 'list_*'], [], 'list_all', true],
    [[], ['delete_*'], 'delete_all', false],
    [[], ['delete_*'], 'read_file', true],
    [['*'], ['delete_*'], 'delete_all', false],
    [['delete_one'], ['delete_*'], 'delete_one', false],
  ])('allow %j, ignore %j: "%s" passes: %s', (allow, ignore, name, expected) => {
    expect(new ToolFilter({ allow, ignore }).allows(name)).toBe(expected);
  });

  test('it is active where there is anything to filter', () => {
    const isActive = (allow: string[], ignore: string[]) => new ToolFilter({ allow, ignore }).isActive;
    expect([isActive([], []), isActive(['*'], []), isActive([], ['x'])]).toEqual([false, true, true]);
  });
});

describe('allowsCall', () => {
  const call = (params: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;
  const allows = (params: string, ignore = ['bad*']) =>
    new ToolFilter({ allow: [], ignore }).allowsCall(byteText(call(params)), JSON.parse(call(params)).params);

  test.each([
    ['{"name":"good"}', true],
    ['{"name":"bad"}', false],
    ['{"name":"\\u0062ad"}', false],
    ['{"name":7}', false],
    ['{}', false],
    ['null', false],
    ['["good"]', false],
    ['{"name":"bad","name":"good"}', false],
    ['{"name":"good","name":"good"}', false],
  ])('%s: %s', (params, expected) => {
    expect(allows(params)).toBe(expected);
  });

  test('without filters anything passes, it is the server that answers', () => {
    for (const params of ['{}', 'null', '{"name":"a","name":"b"}']) expect(allows(params, [])).toBe(true);
  });
});

describe('filterList', () => {
  const filter = new ToolFilter({ allow: [], ignore: ['bad*'] });
  const run = (text: string, using = filter) => using.filterList(text, JSON.parse(text).result);

  test('cuts tools out and leaves every other byte as it was [85]', () => {
    expect(
      run(
        '{ "id":12345678901234567890,"result" : {"tools":[ {"name":"bad1"}, {"name":"good", "n":1.0e0} ,{"name":"bad2"}],"nextCursor":"\\u0061"} }',
      ),
    ).toBe(
      '{ "id":12345678901234567890,"result" : {"tools":[{"name":"good", "n":1.0e0}],"nextCursor":"\\u0061"} }',
    );
  });

  test.each([
    '{"id":1,"result":{"tools":[ {"name":"good"} ]}}',
    '{"id":1,"result":{"tools":[]}}',
    '{"id":1,"result":{}}',
    '{"id":1,"result":{"tools":{"name":"bad"}}}',
    '{"id":1,"result":[{"name":"bad"}]}',
    '{"id":1,"result":null}',
  ])('gives %s back as it is', (text) => {
    expect(run(text)).toBe(text);
  });

  test('bytes that need no change stay bytes', () => {
    const text = '{"id":1,"result":{"tools":[{"name":"good"}]}}';
    const bytes = byteText(text);
    expect(filter.filterList(bytes, JSON.parse(text).result)).toBe(bytes);
  });

  test('leaves an empty list where no tool passes', () => {
    const none = new ToolFilter({ allow: ['nothing'], ignore: [] });
    expect(run('{"result":{"tools":[{"name":"a"},{"name":"b"}]}}', none)).toBe('{"result":{"tools":[]}}');
  });

  test('hides what has no name that could be asked for', () => {
    expect(run('{"result":{"tools":[{"title":"x"},{"name":7},null,"good",{"name":"good"}]}}')).toBe(
      '{"result":{"tools":[{"name":"good"}]}}',
    );
  });

  test('an escaped name or key, or one given twice, does not slip through', () => {
    expect(run('{"result":{"tools":[{"name":"\\u0062ad"}]}}')).toBe('{"result":{"tools":[]}}');
    expect(run('{"result":{"t\\u006fols":[{"name":"bad"}]}}')).toBe('{"result":{"t\\u006fols":[]}}');
    expect(run('{"result":{"tools":[{"name":"good","name":"bad"}]}}')).toBe('{"result":{"tools":[]}}');
    expect(run('{"result":{"tools":[1],"tools":[{"name":"bad"}]}}')).toBe(
      '{"result":{"tools":[1],"tools":[]}}',
    );
  });

  test('without filters everything passes', () => {
    const text = '{"result":{"tools":[{"title":"x"}]}}';
    expect(run(text, new ToolFilter({ allow: [], ignore: [] }))).toBe(text);
  });

  test('whatever a tool holds and however it is written, it is kept byte for byte or cut whole', () => {
    const tool = fc.tuple(fc.constantFrom('good', 'bad'), jsonNodes, jsonSpace);
    fc.assert(
      fc.property(fc.array(tool, { maxLength: 6 }), jsonNodes, (tools, other) => {
        const texts = tools.map(([name, { text }, space]) => ({
          name,
          text: `{${space}"inputSchema":${text}${space},"name":"${name}"}`,
        }));
        const list = (kept: typeof texts) => kept.map(({ text }) => text).join(',');
        const message = (inside: string) => `{"id":1,"result":{"_meta":${other.text},"tools":[${inside}]}}`;
        expect(run(message(list(texts)))).toBe(message(list(texts.filter(({ name }) => name === 'good'))));
      }),
    );
  });
});
