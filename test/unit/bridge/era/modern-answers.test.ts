import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  asModernAnswer,
  complete,
  faultOf,
  provisionalDiscovery,
  withKnownRevisions,
  withKnownVersions,
} from '../../../../src/bridge/era/modern-answers.ts';
import { errorAnswer, toolAnswer } from '../../../../src/bridge/pending-requests.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import { metaKeys } from '../../../../src/revisions.ts';
import { modernMeta } from '../../helpers/modern-stage.ts';

const serverInfo = { name: 'mcp-drawbridge', version: expect.any(String) };

describe('what a request says of itself', () => {
  test('is enough with a revision and capabilities [M-02, M-03]', () => {
    const { [metaKeys.clientInfo]: _, ...least } = modernMeta;
    expect(faultOf({ _meta: least })).toBeUndefined();
    expect(faultOf({ _meta: { ...modernMeta, traceparent: 'x' } })).toBeUndefined();
  });

  test('names no revision that is shown raw [M-83, S-39]', () => {
    const requested = `2027\n\u001b[31m${'x'.repeat(10_000)}`;
    const fault = faultOf({ _meta: { ...modernMeta, [metaKeys.protocolVersion]: requested } });
    expect(fault?.toJsonRpcError().code).toBe(-32022);
    expect(JSON.stringify(fault?.toJsonRpcError()).length).toBeLessThan(800);
    expect(fault?.message).not.toContain('\u001b');
  });

  test('is looked at without a throw, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (params, revision, capabilities) => {
        faultOf(params);
        const _meta = { [metaKeys.protocolVersion]: revision, [metaKeys.clientCapabilities]: capabilities };
        expect(faultOf({ _meta })?.toJsonRpcError().code).toBe(
          typeof revision === 'string' ? -32022 : -32602,
        );
      }),
    );
  });
});

describe('an answer of the bridge itself', () => {
  test('is complete, and says who gave it [M-29, M-30]', () => {
    const answer = asModernAnswer(toolAnswer(1, 'Sign in.', true), 'tools/call');
    expect(JSON.parse(answer.text.toString())).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        content: [{ type: 'text', text: 'Sign in.' }],
        isError: true,
        resultType: 'complete',
        _meta: { [metaKeys.serverInfo]: serverInfo },
      },
    });
    expect(answer.message.result).toEqual(JSON.parse(answer.text.toString()).result);
  });

  test.each([
    ['server/discover', true],
    ['tools/list', true],
    ['prompts/list', true],
    ['resources/list', true],
    ['resources/templates/list', true],
    ['resources/read', true],
    ['tools/call', false],
    ['prompts/get', false],
    ['x/tools/list', false],
  ])('to %s may be kept for no time: %s [M-75]', (method, isCacheable) => {
    const { result } = asModernAnswer(toolAnswer(1, 'x', false), method).message;
    expect(result !== null && typeof result === 'object' && 'ttlMs' in result).toBe(isCacheable);
    if (isCacheable) expect(result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
  });

  test('that is an error, or says its type, stays as it is [M-36]', () => {
    const error = errorAnswer(1, new DrawbridgeError('timeout', 'Too late.'));
    expect(asModernAnswer(error, 'x')).toBe(error);
    const discovery = provisionalDiscovery(1, 'a.test', undefined);
    expect(asModernAnswer(discovery, 'server/discover')).toBe(discovery);
  });
});

describe('a discovery before the sign-in [B-06, M-49]', () => {
  test('of a server that nobody knows says what to do, and promises changes', () => {
    const { text, message, isOurs } = provisionalDiscovery('d', 'a.test', undefined);
    expect(JSON.parse(text.toString())).toEqual({ jsonrpc: '2.0', id: 'd', result: message.result });
    expect(isOurs).toBe(true);
    expect(message.result).toMatchObject({
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true } },
      instructions: expect.stringContaining('a.test'),
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { [metaKeys.serverInfo]: { name: 'a.test', version: '0' } },
    });
    expect(message.result).not.toHaveProperty('serverInfo');
  });

  test('of a server that is known is as that was; what makes no sense is left out', () => {
    const known = provisionalDiscovery(1, 'a.test', {
      capabilities: { tools: {}, prompts: {} },
      instructions: 'Be kind.',
      serverInfo: { name: 'n', version: '1' },
    }).message.result;
    expect(known).toMatchObject({
      capabilities: { tools: { listChanged: true }, prompts: {} },
      instructions: 'Be kind.',
      _meta: { [metaKeys.serverInfo]: { name: 'n', version: '1' } },
    });
    const odd = { capabilities: 7, instructions: {}, serverInfo: [] };
    expect(provisionalDiscovery(1, 'a.test', odd).message.result).toMatchObject({
      capabilities: { tools: {} },
      _meta: { [metaKeys.serverInfo]: { name: 'a.test' } },
    });
  });
});

describe('what a server says, mended', () => {
  const answer = (result: unknown) => ({ kind: 'response' as const, id: 1, result });
  const text = (result: string) => `{ "jsonrpc":"2.0","id":1, "result":${result}}`;

  test.each([
    [
      '{"tools":[],"n":12345678901234567890}',
      '{"resultType":"complete","tools":[],"n":12345678901234567890}',
    ],
    ['{}', '{"resultType":"complete"}'],
    ['{"resultType":"task"}', '{"resultType":"task"}'],
    ['{"resultType":null}', '{"resultType":null}'],
    ['[]', '[]'],
    ['7', '7'],
  ])('the result %s is told as %s [M-28, M-29, B-88]', (given, expected) => {
    expect(complete(text(given), answer(JSON.parse(given)))).toBe(text(expected));
  });

  test.each([
    ['["2026-07-28"]', '["2026-07-28"]'],
    ['["2027-01-01", "2026-07-28"]', '["2026-07-28"]'],
    ['["2025-11-25",7,null]', '["2025-11-25"]'],
    ['"2027-01-01"', '"2027-01-01"'],
  ])('the versions %s are told as %s [M-51]', (given, expected) => {
    const result = (versions: string) => `{"supportedVersions":${versions},"n":12345678901234567890}`;
    expect(withKnownVersions(text(result(given)), answer(JSON.parse(result(given))))).toBe(
      text(result(expected)),
    );
  });

  test('the revisions in a refusal are cut to those that the bridge carries [B-81]', () => {
    const error = (code: number, supported: unknown) =>
      JSON.stringify({ code, message: 'no', data: { supported, requested: 'x' } });
    const given = ['2027-01-01', '2026-07-28', '2025-11-25'];
    expect(JSON.parse(withKnownRevisions(error(-32022, given))).data.supported).toEqual(given.slice(1));
    for (const same of [error(-32021, given), error(-32022, 'x'), error(-32022, []), '{"code":-32022}'])
      expect(withKnownRevisions(same)).toBe(same);
  });
});
