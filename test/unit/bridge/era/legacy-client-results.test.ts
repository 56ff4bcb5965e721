import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { legacyAnswer } from '../../../../src/bridge/era/legacy-client-results.ts';
import { metaKeys } from '../../../../src/revisions.ts';

const { serverInfo, subscriptionId } = metaKeys;

/** The result of an answer after the translation, as text. */
function through(method: string, result: string, revision = '2025-11-25'): string {
  const text = `{"jsonrpc":"2.0","id":1,"result":${result}}`;
  const after = legacyAnswer(text, method, JSON.parse(result), revision);
  expect(after.startsWith('{"jsonrpc":"2.0","id":1,"result":')).toBe(true);
  return after.slice('{"jsonrpc":"2.0","id":1,"result":'.length, -1);
}

const parsed = (method: string, result: unknown, revision?: string) =>
  JSON.parse(through(method, JSON.stringify(result), revision));

describe('what only modern clients know is taken out [B-31]', () => {
  test.each([
    ['{"resultType":"complete"}', '{}'],
    ['{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[]}', '{"tools":[]}'],
    [`{"resultType":"complete","_meta":{"${serverInfo}":{"name":"x","version":"1"}}}`, '{}'],
    [`{"_meta":{"${subscriptionId}":"s", "trace":1e400},"a":[1, 2]}`, '{"_meta":{"trace":1e400},"a":[1, 2]}'],
    ['{"a": 9007199254740993 , "_meta":{"trace":"t"}}', '{"a": 9007199254740993 , "_meta":{"trace":"t"}}'],
    ['{"_meta":{}}', '{"_meta":{}}'],
  ])('%s', (before, after) => {
    expect(through('tools/list', before)).toBe(after);
  });

  test('in the result of a method that MCP does not define, only what every result has [Q-16]', () => {
    expect(through('com.example/x', '{"resultType":"complete","ttlMs":5}')).toBe('{"ttlMs":5}');
  });

  test('whatever else a result holds stays as it is [B-88]', () => {
    const key = fc
      .string()
      .filter((name) => !['resultType', 'ttlMs', 'cacheScope', '_meta', '__proto__'].includes(name));
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue()), fc.boolean(), (rest, isFirst) => {
        const own = { resultType: 'complete', ttlMs: 1, cacheScope: 'private' };
        const result = isFirst ? { ...own, ...rest } : { ...rest, ...own };
        expect(through('prompts/list', JSON.stringify(result))).toBe(JSON.stringify(rest));
      }),
    );
  });
});

describe('structured content [B-32]', () => {
  const text = (json: string) => ({ type: 'text', text: json });

  test('an object stays', () => {
    const result = { content: [], structuredContent: { n: 1 } };
    expect(parsed('tools/call', result)).toEqual(result);
  });

  test.each([
    ['[1,2]', '[1, 2]'],
    ['"x"', '"x"'],
    ['9007199254740993', '9007199254740993'],
    ['null', 'null'],
    ['false', 'false'],
  ])('%s goes, and stays as text', (json) => {
    const after = through('tools/call', `{"content":[],"structuredContent":${json}}`);
    expect(JSON.parse(after)).toEqual({ content: [text(json)] });
  });

  test('the text that is there already is not doubled', () => {
    const content = [text('see below'), text('[1, 2]')];
    expect(parsed('tools/call', { content, structuredContent: [1, 2] })).toEqual({ content });
  });

  test('other blocks stay before it', () => {
    expect(parsed('tools/call', { content: [text('a')], structuredContent: 1 })).toEqual({
      content: [text('a'), text('1')],
    });
  });

  test('content is made where there is none', () => {
    expect(parsed('tools/call', { structuredContent: 1 })).toEqual({ content: [text('1')] });
  });

  test.each(['2024-11-05', '2025-03-26'])('is text only in %s [3.4.4]', (revision) => {
    expect(parsed('tools/call', { content: [], structuredContent: { n: 1 } }, revision)).toEqual({
      content: [text('{"n":1}')],
    });
  });
});

describe('the schema of structured content [B-33]', () => {
  const tools = [
    { name: 'object', outputSchema: { type: 'object' } },
    { name: 'array', outputSchema: { type: 'array' }, inputSchema: { type: 'object' } },
    { name: 'either', outputSchema: { anyOf: [] } },
    { name: 'any', outputSchema: true },
    { name: 'none' },
  ];

  test('is taken out of a tool where its root is no object', () => {
    expect(parsed('tools/list', { tools, nextCursor: '' })).toEqual({
      tools: [
        tools[0],
        { name: 'array', inputSchema: { type: 'object' } },
        { name: 'either' },
        { name: 'any' },
        tools[4],
      ],
      nextCursor: '',
    });
  });

  test('is taken out of all tools for a revision that does not know it [3.4.4]', () => {
    expect(parsed('tools/list', { tools: [tools[0]] }, '2025-03-26')).toEqual({
      tools: [{ name: 'object' }],
    });
  });
});

describe('blocks of content that strict clients refuse [B-52, 3.4.4]', () => {
  const audio = { type: 'audio', data: 'AAAA', mimeType: 'audio/wav' };
  const link = { type: 'resource_link', uri: 'test://a', name: 'a', title: 'An A' };
  const rows: [string, boolean, boolean][] = [
    ['2024-11-05', false, false],
    ['2025-03-26', true, false],
    ['2025-06-18', true, true],
    ['2025-11-25', true, true],
  ];

  test.each(rows)('in %s audio stays: %s, a link stays: %s', (revision, keepsAudio, keepsLink) => {
    const { content } = parsed(
      'tools/call',
      { content: [audio, { type: 'text', text: 'x' }, link] },
      revision,
    );
    expect(content[0]).toEqual(
      keepsAudio ? audio : { type: 'text', text: expect.stringContaining('audio/wav') },
    );
    expect(content[1]).toEqual({ type: 'text', text: 'x' });
    expect(content[2]).toEqual(keepsLink ? link : { type: 'text', text: 'An A: test://a' });
  });

  test.each(rows)('in the messages of a prompt as well: %s', (revision, keepsAudio, keepsLink) => {
    const messages = [
      { role: 'user', content: audio },
      { role: 'assistant', content: link },
    ];
    const after = parsed('prompts/get', { messages }, revision).messages;
    expect(after.map((message: { content: { type: string } }) => message.content.type)).toEqual([
      keepsAudio ? 'audio' : 'text',
      keepsLink ? 'resource_link' : 'text',
    ]);
  });
});
