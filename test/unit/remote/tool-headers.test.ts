import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { classify, type JsonRpcResponse } from '../../../src/jsonrpc.ts';
import { headerParameters, ToolHeaders } from '../../../src/remote/tool-headers.ts';
import { recordingLogger } from '../helpers/recording-logger.ts';

const H = 'x-mcp-header';
const text = (name: unknown) => ({ type: 'string', [H]: name });
const object = (properties: Record<string, unknown>, more: object = {}) => ({
  type: 'object',
  properties,
  ...more,
});

describe('the annotations of a schema', () => {
  test('are found on properties, at any depth [M-14, M-18]', () => {
    const schema = object({
      region: text('Region'),
      n: { type: 'integer', [H]: 'N' },
      b: { type: 'boolean', [H]: 'B' },
      deep: object({ er: object({ x: text('X') }) }),
      plain: { type: 'number' },
    });
    expect(headerParameters(schema)).toEqual(
      expect.arrayContaining([
        { name: 'Region', path: ['region'] },
        { name: 'N', path: ['n'] },
        { name: 'B', path: ['b'] },
        { name: 'X', path: ['deep', 'er', 'x'] },
      ]),
    );
  });

  test('properties with the names of keywords are properties [M-18]', () => {
    const schema = object({
      properties: text('A'),
      items: text('B'),
      [H]: { type: 'string' },
      default: object({ enum: text('C') }),
    });
    expect(headerParameters(schema)).toHaveLength(3);
    expect(headerParameters(schema)).toContainEqual({ name: 'C', path: ['default', 'enum'] });
  });

  test.each(['const', 'default'])('what stands under "%s" is data [M-18]', (key) => {
    expect(headerParameters(object({ a: { type: 'object', [key]: { [H]: '' } } }))).toEqual([]);
    expect(headerParameters(object({ a: { enum: [{ [H]: '' }], examples: [{ [H]: '' }] } }))).toEqual([]);
  });

  test.each([
    ['empty', ''],
    ['of blanks', 'a b'],
    ['with a colon', 'a:b'],
    ['not ASCII', 'é'],
    ['two lines', 'A\r\nX-Evil: 1'],
    ['with a control character', 'a\u0000'],
    ['a number', 7],
    ['null', null],
    ['an object', {}],
  ])('a name that is %s is not valid [M-17, S-42]', (_, name) => {
    expect(headerParameters(object({ a: text(name) }))).toEqual(expect.any(String));
  });

  test('names differ, whatever their case [M-17]', () => {
    expect(headerParameters(object({ a: text('Region'), b: object({ c: text('REGION') }) }))).toMatch(
      /twice/,
    );
  });

  test.each(['number', 'object', 'array', 'null', undefined, ['string', 'null']])(
    'a property of type %j can have none [M-17]',
    (type) => {
      expect(headerParameters(object({ a: { type, [H]: 'A' } }))).toEqual(expect.any(String));
    },
  );

  const inner = object({ a: text('A') });
  test.each([
    ['the root', { ...text('A') }],
    ['items', object({ l: { type: 'array', items: inner } })],
    ['items of several', object({ l: { type: 'array', prefixItems: [inner] } })],
    ['oneOf', { oneOf: [inner] }],
    ['anyOf', { anyOf: [inner] }],
    ['allOf', { allOf: [inner] }],
    ['not', { not: inner }],
    ['if', { if: inner }],
    ['then', Object.fromEntries([['then', inner]])],
    ['else', { else: inner }],
    ['additionalProperties', { additionalProperties: inner }],
    ['patternProperties', { patternProperties: { x: text('A') } }],
    ['dependentSchemas', { dependentSchemas: { x: inner } }],
    ['$defs', object({ a: { $ref: '#/$defs/x' } }, { $defs: { x: text('A') } })],
    ['definitions', { definitions: { x: text('A') } }],
    ['a keyword that nobody knows', { 'x-more': inner }],
    ['properties below items', object({ l: { items: object({ y: inner }) } })],
  ])('under %s they are not valid [M-18]', (_, schema) => {
    expect(headerParameters(schema)).toEqual(expect.any(String));
  });

  test.each([undefined, null, true, 7, 'x', [], {}, { properties: [] }, { properties: null }])(
    'a schema that is %j has none',
    (schema) => {
      expect(headerParameters(schema)).toEqual([]);
    },
  );

  test('keys that objects have by nature are keys like any other [S-41]', () => {
    const schema = JSON.parse(
      `{"properties":{"__proto__":{"type":"string","${H}":"P"},"constructor":{"type":"string","${H}":"C"}}}`,
    );
    expect(headerParameters(schema)).toEqual(
      expect.arrayContaining([
        { name: 'P', path: ['__proto__'] },
        { name: 'C', path: ['constructor'] },
      ]),
    );
  });

  test('looking never throws, and what is found can be sent [M-17]', () => {
    const key = fc.constantFrom(
      'properties',
      'items',
      '$defs',
      H,
      'type',
      'a',
      '__proto__',
      'allOf',
      'const',
    );
    const leaf = fc.constantFrom<unknown>('string', 'integer', 'A', 'b', '', null, 7, true);
    const schemas = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 6, withCrossShrink: true },
        leaf,
        fc.array(tie('node'), { maxLength: 2 }),
        fc.array(fc.tuple(key, tie('node')), { maxLength: 4 }).map((pairs) => Object.fromEntries(pairs)),
      ),
    })).node;
    fc.assert(
      fc.property(schemas, (schema) => {
        const found = headerParameters(schema);
        if (typeof found === 'string') return;
        for (const { name, path } of found) {
          expect(name).toMatch(/^[\w-]+$/);
          expect(path.length).toBeGreaterThan(0);
        }
      }),
    );
  });
});

describe('a schema that is made to hurt [S-40]', () => {
  const nested = (depth: number, level: string, end: string) =>
    JSON.parse(level.repeat(depth) + end + '}}'.repeat(depth));

  test.each([
    ['200,000 properties in one another', nested(200_000, '{"properties":{"a":', '{}'), []],
    [
      'an annotation so deep that no path leads there',
      nested(200_000, '{"properties":{"a":', `{"type":"string","${H}":"A"}`),
      expect.any(String),
    ],
    [
      'an annotation at each of 50,000 levels',
      nested(50_000, `{"type":"string","properties":{"a":`, '{}'),
      [],
    ],
    [
      '100,000 annotations side by side',
      object(Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`p${at}`, text(`P${at}`)]))),
      expect.stringMatching(/more than 100/),
    ],
    ['a list of a million', { enum: Array(1_000_000).fill(0), allOf: Array(1_000_000).fill({}) }, []],
  ])('%s', (_, schema, expected) => {
    const begun = performance.now();
    expect(headerParameters(schema)).toEqual(expected);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test('annotations at each level: only so many, only so deep', () => {
    let schema: object = {};
    for (let at = 50_000; at > 0; at--)
      schema = { type: 'string', ...(at > 1 && { [H]: `H${at}` }), properties: { a: schema } };
    expect(headerParameters(schema)).toEqual(expect.any(String));
  });
});

describe('a list of tools that passes', () => {
  function start() {
    const { log, lines } = recordingLogger();
    const tools = new ToolHeaders(log);
    const read = (json: string) => tools.read(json, classify(JSON.parse(json)) as JsonRpcResponse);
    const list = (given: unknown[]) =>
      read(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: given } }));
    return { tools, read, list, lines };
  }
  const good = { name: 'good', inputSchema: object({ r: text('Region') }) };
  const bad = { name: 'bad', inputSchema: object({ r: text('') }) };
  const plain = { name: 'plain', inputSchema: { type: 'object' } };

  test('teaches which arguments are repeated, page by page [M-23]', () => {
    const { tools, list } = start();
    expect(tools.of({ name: 'good' })).toBeUndefined();
    list([good]);
    list([plain]);
    expect(tools.of({ name: 'good' })).toEqual([{ name: 'Region', path: ['r'] }]);
    expect(tools.of({ name: 'plain' })).toBeUndefined();
    list([{ ...good, inputSchema: { type: 'object' } }]);
    expect(tools.of({ name: 'good' })).toBeUndefined();
  });

  test('loses its tools whose annotations are not valid, and nothing else of its text [M-15, B-88]', () => {
    const { tools, read } = start();
    const [g, b, p] = [good, bad, plain].map((tool) => JSON.stringify(tool));
    const more = '"nextCursor":"", "n":12345678901234567890';
    const result = read(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${g}, ${b}, ${p}],${more}}}`);
    expect(result.text).toBe(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${g},${p}],${more}}}`);
    expect(result.message.result).toMatchObject({ tools: [good, plain] });
    expect(tools.of({ name: 'bad' })).toBeUndefined();
  });

  test('passes as it is where all is well', () => {
    const { read } = start();
    const json = `{ "jsonrpc":"2.0","id":1, "result":{"tools":[${JSON.stringify(good)}, 7, {"name":8}]}}`;
    expect(read(json).text).toBe(json);
    for (const other of [
      '{"jsonrpc":"2.0","id":1,"result":{"tools":{}}}',
      '{"jsonrpc":"2.0","id":1,"error":{}}',
    ])
      expect(read(other).text).toBe(other);
  });

  test('a tool that was good and no longer is, is forgotten [M-15]', () => {
    const { tools, list } = start();
    list([good]);
    list([{ ...bad, name: 'good' }]);
    expect(tools.of({ name: 'good' })).toBeUndefined();
  });

  test('the log says which tool was left out and why, on one line [M-16]', async () => {
    const { list, lines } = start();
    list([{ ...bad, name: 'bad\u001b[31m\nname' }]);
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'warn',
        fields: { tool: 'bad[31m name', problem: expect.stringMatching(/name/) },
      }),
    ]);
  });

  test('of many bad tools the log names some and counts the rest [S-40]', async () => {
    const { list, lines } = start();
    const { message } = list(Array.from({ length: 5_000 }, (_, at) => ({ ...bad, name: `bad-${at}` })));
    expect(message.result).toEqual({ tools: [] });
    await vi.waitFor(() => expect(lines).toHaveLength(21));
    expect(lines.at(-1)?.fields).toEqual({ count: 4_980 });
  });

  test.each([undefined, null, {}, { name: 7 }, { name: '__proto__' }, { name: 'constructor' }])(
    'a call of %j has none [S-41]',
    (params) => {
      const { tools, list } = start();
      list([good]);
      expect(tools.of(params)).toBeUndefined();
    },
  );
});
