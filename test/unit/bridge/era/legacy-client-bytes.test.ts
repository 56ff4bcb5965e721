import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asciiJson, edited } from '../../../../src/bridge/era/legacy-client-bytes.ts';
import { ClientSelf } from '../../../../src/bridge/era/legacy-client-meta.ts';
import { legacyAnswer } from '../../../../src/bridge/era/legacy-client-results.ts';
import { ByteText } from '../../../../src/byte-text.ts';

/** A text as the bytes it may have come in, cut anywhere. */
function bytesOf(text: string, cut: number): ByteText {
  const bytes = Buffer.from(text);
  const at = cut % (bytes.length + 1);
  return new ByteText([bytes.subarray(0, at), bytes.subarray(at)]);
}

const texts = fc.string({ unit: 'binary' });

describe('an edit of bytes is that of the text [B-88]', () => {
  test('in a result', () => {
    fc.assert(
      fc.property(
        texts,
        texts,
        fc.nat(),
        fc.constantFrom('2024-11-05', '2025-11-25'),
        (words, name, cut, revision) => {
          const content = [
            { type: 'text', text: words },
            { type: 'resource_link', uri: `test://${words}`, name },
          ];
          const result = { content, [name]: words, resultType: 'complete', structuredContent: [words] };
          const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result });
          const edit = (json: string): string => legacyAnswer(json, 'tools/call', result, revision);
          expect(JSON.parse(edited(bytesOf(text, cut), edit).toString())).toEqual(JSON.parse(edit(text)));
        },
      ),
    );
  });

  test('in a request', () => {
    fc.assert(
      fc.property(texts, texts, fc.nat(), (words, name, cut) => {
        const clientInfo = { name, version: '1' };
        const meta = new ClientSelf(JSON.stringify({ params: { clientInfo } })).meta('2026-07-28', undefined);
        const params = { name: 't', arguments: { [words]: words } };
        const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
        const edit = (json: string): string => meta.into(json, params);
        const sent = JSON.parse(edited(bytesOf(text, cut), edit).toString());
        expect(sent).toEqual(JSON.parse(edit(text)));
        expect(sent.params._meta).toMatchObject({ 'io.modelcontextprotocol/clientInfo': clientInfo });
      }),
    );
  });
});

test('JSON in ASCII says the same', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'binary' }), (json) => {
      const ascii = asciiJson(json);
      expect(ascii).not.toMatch(/[\u0080-\uffff]/);
      expect(JSON.parse(ascii)).toEqual(JSON.parse(json));
    }),
  );
});
