import fc from 'fast-check';
import { expect, test } from 'vitest';
import { factsOf, modernAnswer } from '../../../../src/bridge/era/modern-client-answers.ts';
import { legacyCapabilities, legacyRequest } from '../../../../src/bridge/era/modern-client-requests.ts';
import { modernErrorCode } from '../../../../src/bridge/era/modern-client-tables.ts';
import { classify, type JsonRpcResponse } from '../../../../src/jsonrpc.ts';
import { type Any, modernMeta } from '../../helpers/modern-client-stage.ts';

const object = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom('_meta', 'tools', 'content', 'data', 'ttlMs', 'execution')),
  fc.jsonValue(),
);
/** Without what JSON does not keep, such as -0, and keys that an object of this language keeps otherwise. */
const plain = (value: unknown): Any => JSON.parse(JSON.stringify(value));
const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const facts = factsOf('{"result":{"serverInfo":{"name":"s"},"capabilities":{}}}');
const info = { 'io.modelcontextprotocol/serverInfo': { name: 's' } };

test('a request keeps all but its id, its token and the modern keys [B-86] [B-87] [B-88]', () => {
  fc.assert(
    fc.property(object, object, fc.option(fc.oneof(fc.string(), fc.integer())), (params, meta, token) => {
      const more = { ...meta, ...(token !== null && { progressToken: token }) };
      const given = plain({ ...params, _meta: modernMeta({}, more) });
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x/y', params: given });
      const { _meta, ...others } = given;
      const kept = Object.fromEntries(
        Object.entries(_meta).filter(([key]) => !Object.keys(modernMeta()).includes(key)),
      );
      const expected = { ...kept, ...('progressToken' in kept && { progressToken: 'own' }) };
      expect(JSON.parse(legacyRequest(body, 'x/y', JSON.parse(body).params, 'own', false))).toEqual({
        jsonrpc: '2.0',
        id: 'own',
        method: 'x/y',
        params: { ...others, ...(Object.keys(expected).length > 0 && { _meta: expected }) },
      });
    }),
  );
});

const methods = fc.constantFrom('tools/list', 'tools/call', 'resources/read', 'prompts/get', 'x/y');

test('an answer says in its text what it says to the bridge, and keeps what need not change [M-29] [B-88]', () => {
  fc.assert(
    fc.property(methods, object, (method, made) => {
      const result = plain(made);
      const text = JSON.stringify({ jsonrpc: '2.0', id: 'own', result });
      const answer = { text, message: classify(JSON.parse(text)) as JsonRpcResponse };
      const modern = modernAnswer({ id: 7, method, params: {} }, {}, answer, facts);
      const value = JSON.parse(modern.text);
      expect(value.id).toBe(7);
      expect(value.result).toEqual(plain(modern.message.result));
      const meta = isPlainObject(result._meta) ? result._meta : {};
      expect(value.result).toMatchObject({ resultType: 'complete', _meta: { ...meta, ...info } });
      const changed = new Set(['_meta', 'ttlMs', 'cacheScope', 'resultType', 'content', 'tools']);
      for (const key of Object.keys(result).filter((name) => !changed.has(name)))
        expect(value.result[key]).toEqual(result[key]);
    }),
  );
});

test('an error says in its text what it says to the bridge, under a code that is allowed [M-35]', () => {
  const code = fc.oneof(fc.integer({ min: -32100, max: -31990 }), fc.integer(), fc.jsonValue());
  fc.assert(
    fc.property(methods, code, fc.option(fc.jsonValue()), (method, given, data) => {
      const error = plain({ code: given, message: 'No.', ...(data !== null && { data }) });
      const text = JSON.stringify({ jsonrpc: '2.0', id: 'own', error });
      const answer = { text, message: classify(JSON.parse(text)) as JsonRpcResponse };
      const params = { uri: 'a:b' };
      const modern = modernAnswer({ id: 'x', method, params }, {}, answer, facts);
      const value = JSON.parse(modern.text);
      expect(value).toEqual({ jsonrpc: '2.0', id: 'x', error: plain(modern.message.error) });
      const isPages = value.error.code === -32021 && error.code === -32042;
      const isReserved = value.error.code >= -32099 && value.error.code <= -32020;
      expect(isReserved && !isPages).toBe(false);
      expect(value.error.code).not.toBe(-32002);
      if (Number.isInteger(error.code) && modernErrorCode(error.code) === error.code)
        expect(value.error).toEqual(error);
    }),
  );
});

test('capabilities are declared without what no modern message can honour [B-59]', () => {
  const declared = {
    roots: { listChanged: true },
    tasks: { list: {} },
    sampling: { tools: {} },
    elicitation: {},
    experimental: { x: {} },
    extensions: { 'io.modelcontextprotocol/tasks': {}, 'io.modelcontextprotocol/ui': { a: 1 } },
  };
  expect(legacyCapabilities(declared)).toEqual({
    roots: {},
    sampling: { tools: {} },
    elicitation: {},
    experimental: { x: {} },
    extensions: { 'io.modelcontextprotocol/ui': { a: 1 } },
  });
  expect(legacyCapabilities({ extensions: { 'io.modelcontextprotocol/tasks': {} } })).toEqual({});
  expect(legacyCapabilities(undefined)).toEqual({});
});
