import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { describe, expect, test } from 'vitest';
import { ConfigFault, type ServerEntry } from '../../../../src/cli/clients/config-format.ts';
import { jsonConfig } from '../../../../src/cli/clients/json-config.ts';

const entry: ServerEntry = { command: 'npx', args: ['-y', 'mcp-drawbridge', 'https://mcp.example.com/mcp'] };
const lenient = jsonConfig({ container: 'mcpServers', comments: true, trailingCommas: true });
const strict = jsonConfig({ container: 'mcpServers', comments: false, trailingCommas: false });

describe('a JSON configuration', () => {
  test('keeps its line ends, its tabs and the lack of one at the end', () => {
    const before = '{\r\n\t"mcpServers": {\r\n\t\t"a": {}\r\n\t}\r\n}';
    const after = lenient.set(before, 'x', { command: 'c' });
    expect(after).toBe(
      '{\r\n\t"mcpServers": {\r\n\t\t"a": {},\r\n\t\t"x": {\r\n\t\t\t"command": "c"\r\n\t\t}\r\n\t}\r\n}',
    );
    expect(lenient.remove(after, 'x')).toBe(before);
  });

  test.each<[string, string, string]>([
    ['an empty object', '{}', '{\n  "mcpServers": {\n    "x": {\n      "command": "c"\n    }\n  }\n}'],
    [
      'an empty container',
      '{\n  "mcpServers": {}\n}\n',
      '{\n  "mcpServers": {\n    "x": {\n      "command": "c"\n    }\n  }\n}\n',
    ],
    ['one line', '{"a":1}', '{"a":1,"mcpServers":{"x":{"command":"c"}}}'],
    ['one line with blanks', '{ "a": 1 }', '{ "a": 1, "mcpServers": {"x": {"command": "c"}} }'],
    [
      'a container on one line',
      '{\n  "mcpServers": { "a": {} }\n}',
      '{\n  "mcpServers": { "a": {}, "x": {"command": "c"} }\n}',
    ],
    [
      'comments after the last one',
      '{\n  "mcpServers": {\n    "a": {} /* 1 */ // 2\n    // 3\n  }\n}',
      '{\n  "mcpServers": {\n    "a": {}, /* 1 */ // 2\n    // 3\n    "x": {\n      "command": "c"\n    }\n  }\n}',
    ],
    [
      'a trailing comma',
      '{\n  "mcpServers": {\n    "a": {},\n  },\n}',
      '{\n  "mcpServers": {\n    "a": {},\n    "x": {\n      "command": "c"\n    },\n  },\n}',
    ],
    ['nothing', '', '{\n  "mcpServers": {\n    "x": {\n      "command": "c"\n    }\n  }\n}\n'],
    [
      'a comment only',
      '// mine',
      '// mine\n{\n  "mcpServers": {\n    "x": {\n      "command": "c"\n    }\n  }\n}\n',
    ],
  ])('with %s', (_, before, after) => {
    expect(lenient.set(before, 'x', { command: 'c' })).toBe(after);
  });

  test('an entry is replaced where it is', () => {
    const before = '{\n  "mcpServers": {\n    "x": { "url": "https://old" }, // mine\n    "b": {}\n  }\n}';
    expect(lenient.set(before, 'x', { command: 'c' })).toBe(
      '{\n  "mcpServers": {\n    "x": {\n      "command": "c"\n    }, // mine\n    "b": {}\n  }\n}',
    );
  });

  test.each<[string, string, string]>([
    ['first', '{"mcpServers":{"x":{},"b":{}}}', '{"mcpServers":{"b":{}}}'],
    ['middle', '{"mcpServers":{"a":{}, "x":{}, "b":{}}}', '{"mcpServers":{"a":{}, "b":{}}}'],
    ['last', '{"mcpServers":{"a":{}, "x":{}}}', '{"mcpServers":{"a":{}}}'],
    [
      'last, with a comment before the comma',
      '{"mcpServers":{"a":{} /*,*/, "x":{}}}',
      '{"mcpServers":{"a":{} /*,*/}}',
    ],
    ['only', '{\n  "mcpServers": {\n    "x": {},\n  }\n}', '{\n  "mcpServers": {}\n}'],
    ['only, with a comment', '{"mcpServers":{\n// 1\n"x":{}\n}}', '{"mcpServers":{\n// 1\n}}'],
    [
      'comment before its comma',
      '{"mcpServers":{"x":{} /* 1 */, "b":{}}}',
      '{"mcpServers":{ /* 1 */ "b":{}}}',
    ],
  ])('the %s entry is taken out', (_, before, after) => {
    expect(lenient.remove(before, 'x')).toBe(after);
  });

  test('a server of that name elsewhere in the file is another', () => {
    const text = '{"projects":{"/x":{"mcpServers":{"x":{"command":"other"}}}},"mcpServers":{}}';
    expect(strict.find(text, 'x')).toBeUndefined();
    expect(strict.find(strict.set(text, 'x', entry), 'x')).toEqual(entry);
  });

  test.each<[string, string, RegExp, number, number]>([
    ['cut off', '{\n  "mcpServers": {\n    "a": {}\n', /close brace expected/, 4, 1],
    ['a missing comma', '{\n  "a": 1\n  "b": 2\n}', /comma expected/, 3, 3],
    ['a list', '[]', /object/, 1, 1],
    ['servers that are no object', '{\n  "mcpServers": []\n}', /"mcpServers" should be an object/, 2, 17],
    ['an entry that is no object', '{ "mcpServers": { "x": null } }', /"x" should be an object/, 1, 24],
    ['a key that comes twice', '{ "mcpServers": {},\n "mcpServers": {} }', /there twice/, 2, 2],
    ['a text behind the end', '{}\n{}', /end of file expected/, 2, 1],
  ])('%s is refused with its place', (_, text, message, line, column) => {
    for (const use of [
      () => lenient.find(text, 'x'),
      () => lenient.set(text, 'x', entry),
      () => lenient.remove(text, 'x'),
    ]) {
      const fault = thrownBy(use);
      if (fault === undefined) continue; // `remove` looks at no more than it needs
      expect(fault.message).toMatch(message);
      expect(fault.position).toEqual({ line, column });
    }
    expect(thrownBy(() => lenient.find(text, 'x'))).toBeInstanceOf(ConfigFault);
  });

  test('comments and trailing commas are faults where the client does not read them', () => {
    expect(thrownBy(() => strict.find('{\n  // no\n}', 'x'))).toMatchObject({
      position: { line: 2, column: 3 },
    });
    expect(thrownBy(() => strict.find('{"a": 1,}', 'x'))).toMatchObject({ position: { line: 1 } });
    expect(thrownBy(() => strict.find('// only this', 'x'))).toBeInstanceOf(ConfigFault);
  });
});

describe('for any document with comments', () => {
  test('everything else stays, byte for byte and in its order; what was added is read back', () => {
    fc.assert(
      fc.property(document, ({ text, others }) => {
        const after = lenient.set(text, 'x', entry);
        const errors: never[] = [];
        const value = parse(after, errors, { allowTrailingComma: true });
        expect(errors).toEqual([]);
        expect(value.mcpServers.x).toEqual(entry);
        expect(Object.keys(value.mcpServers).filter((key) => key !== 'x')).toEqual(others);
        expect(isKeptIn(text, after)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  test('add and remove give the original, where there were servers before', () => {
    fc.assert(
      fc.property(document, ({ text, others }) => {
        fc.pre(others.length > 0);
        expect(lenient.remove(lenient.set(text, 'x', entry), 'x')).toBe(text);
      }),
      { numRuns: 400 },
    );
  });
});

function thrownBy(use: () => unknown): ConfigFault | undefined {
  try {
    use();
  } catch (error) {
    return error as ConfigFault;
  }
  return undefined;
}

/** Whether one text is the other with something put in between; blanks inside of what was empty may go. */
function isKeptIn(before: string, after: string): boolean {
  const [kept, all] = [before, after].map((text) => text.replace(/\s+/g, ''));
  let at = 0;
  for (const char of all as string) if (char === (kept as string)[at]) at++;
  return at === (kept as string).length;
}

const blank = fc.constantFrom(
  '',
  ' ',
  '\n',
  '\r\n  ',
  '\t',
  ' // note, {\n',
  '/* "x": { */',
  '\n\n  // }\n  ',
);
const scalar = fc.oneof(
  fc.constantFrom(
    '1',
    'true',
    'null',
    '12345678901234567890123',
    '1.50',
    '"// no"',
    '"a\\"b"',
    '{}',
    '[ ]',
    '[1, 2]',
  ),
  fc.string({ maxLength: 5 }).map((text) => JSON.stringify(text)),
);

/** An object with members in some order, laid out in any way. */
function objectText(members: [key: string, value: string][], blanks: string[], trailing: boolean): string {
  let next = 0;
  const gap = (): string => blanks[next++ % blanks.length] as string;
  const parts = members.map(
    ([key, value]) => `${gap()}${JSON.stringify(key)}${gap()}:${gap()}${value}${gap()}`,
  );
  return `{${parts.join(',')}${trailing && members.length > 0 ? `,${gap()}` : ''}${members.length === 0 ? gap() : ''}}`;
}

const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'y', 'é', 'x y', 'X', '//', '"', 'mcpservers'), {
  maxLength: 4,
});
const members = keys.chain((names) =>
  fc
    .tuple(...names.map((name) => fc.tuple(fc.constant(name), scalar)))
    .map((pairs) => pairs as [string, string][]),
);
const layout = fc.tuple(fc.array(blank, { minLength: 1, maxLength: 7 }), fc.boolean());

const document = fc
  .record({
    root: members,
    servers: fc.option(keys, { nil: undefined }),
    at: fc.nat(4),
    outer: layout,
    inner: layout,
    ends: fc.tuple(blank, blank),
  })
  .map(({ root, servers, at, outer, inner, ends: [start, end] }) => {
    const all = [...root];
    if (servers) {
      const own = servers.map((name): [string, string] => [name, '{ "command": "c" }']);
      all.splice(at % (all.length + 1), 0, ['mcpServers', objectText(own, ...inner)]);
    }
    return { text: start + objectText(all, ...outer) + end, others: servers ?? [] };
  });
