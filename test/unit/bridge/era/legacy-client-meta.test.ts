import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClientSelf } from '../../../../src/bridge/era/legacy-client-meta.ts';
import { metaKeys } from '../../../../src/revisions.ts';

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: { roots: {} },
    clientInfo: { name: 'c', version: '1' },
  },
});
const self = new ClientSelf(initialize);
const own = {
  [metaKeys.protocolVersion]: '2026-07-28',
  [metaKeys.clientInfo]: { name: 'c', version: '1' },
  [metaKeys.clientCapabilities]: { roots: {} },
};

test('whatever the parameters are, they stay, and all of the own _meta is there [B-29, B-88]', () => {
  const key = fc.string().filter((name) => name !== '_meta' && name !== '__proto__');
  const meta = fc.dictionary(fc.oneof(key, fc.constantFrom(...Object.values(metaKeys))), fc.jsonValue());
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue()), fc.option(meta, { nil: undefined }), (rest, _meta) => {
      const params = _meta === undefined ? rest : { ...rest, _meta };
      const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x', params });
      const request = self.meta('2026-07-28', undefined);
      const sent = JSON.parse(request.into(text, JSON.parse(text).params)).params;
      const foreign = Object.entries(_meta ?? {}).filter(
        ([name]) => !Object.values<string>(metaKeys).includes(name),
      );
      expect(sent).toEqual(
        JSON.parse(JSON.stringify({ ...rest, _meta: { ...Object.fromEntries(foreign), ...own } })),
      );
      expect(request.params(JSON.parse(text).params)).toEqual(sent);
    }),
  );
});

test.each([
  ['nothing', undefined],
  ['no params', '{"jsonrpc":"2.0","id":1,"method":"initialize"}'],
  ['odd params', '{"jsonrpc":"2.0","id":1,"method":"initialize","params":[1]}'],
  ['odd parts', '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":1,"capabilities":[]}}'],
])('a client that said %s has no capabilities [M-02]', (_, text) => {
  const nobody = new ClientSelf(text);
  expect(nobody.revision).toBe('2025-11-25');
  expect(JSON.parse(`{${nobody.meta('2026-07-28', 'info').json}}`)).toEqual({
    [metaKeys.protocolVersion]: '2026-07-28',
    [metaKeys.clientCapabilities]: {},
    [metaKeys.logLevel]: 'info',
  });
});
