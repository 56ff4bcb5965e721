import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bearerChallenge, parseChallenges } from '../../../src/authorization/challenge.ts';

/** The challenges as plain data. */
const parse = (header: string | undefined) =>
  parseChallenges(header).map(({ scheme, params, token68 }) => ({
    scheme,
    ...(params.size > 0 && { params: Object.fromEntries(params) }),
    ...(token68 !== undefined && { token68 }),
  }));

describe('a WWW-Authenticate field [A-06, RFC 9110 section 11.6.1]', () => {
  const metadata = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';

  test.each<[string, string | undefined, object[]]>([
    ['none', undefined, []],
    ['an empty one', '', []],
    ['a scheme alone', 'Bearer', [{ scheme: 'bearer' }]],
    [
      'one challenge',
      `Bearer resource_metadata="${metadata}", scope="a b"`,
      [{ scheme: 'bearer', params: { resource_metadata: metadata, scope: 'a b' } }],
    ],
    [
      'names in any case',
      'BEARER Error=invalid_token, SCOPE="a"',
      [{ scheme: 'bearer', params: { error: 'invalid_token', scope: 'a' } }],
    ],
    [
      'other schemes first',
      'Basic realm="x", charset="UTF-8", DPoP algs="ES256 PS256", Bearer error="invalid_token"',
      [
        { scheme: 'basic', params: { realm: 'x', charset: 'UTF-8' } },
        { scheme: 'dpop', params: { algs: 'ES256 PS256' } },
        { scheme: 'bearer', params: { error: 'invalid_token' } },
      ],
    ],
    [
      'the example of RFC 9110',
      'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
      [
        { scheme: 'basic', params: { realm: 'simple' } },
        { scheme: 'newauth', params: { realm: 'apps', type: '1', title: 'Login to "apps"' } },
      ],
    ],
    [
      'a token68, padded or not',
      'Negotiate YWJj/+==, NTLM abc, Bearer scope=x',
      [
        { scheme: 'negotiate', token68: 'YWJj/+==' },
        { scheme: 'ntlm', token68: 'abc' },
        { scheme: 'bearer', params: { scope: 'x' } },
      ],
    ],
    [
      'schemes with nothing between them',
      'Negotiate, Basic, Bearer scope="a"',
      [{ scheme: 'negotiate' }, { scheme: 'basic' }, { scheme: 'bearer', params: { scope: 'a' } }],
    ],
    [
      'empty list elements and blanks everywhere',
      ' , ,Bearer\t realm = "x" ,, ,scope\t=\t"a" , ',
      [{ scheme: 'bearer', params: { realm: 'x', scope: 'a' } }],
    ],
    [
      'commas, schemes and escapes within quotes',
      'Bearer realm="a, Basic realm=\\"b\\\\", scope="c"',
      [{ scheme: 'bearer', params: { realm: 'a, Basic realm="b\\', scope: 'c' } }],
    ],
    ['an empty quoted string', 'Bearer realm=""', [{ scheme: 'bearer', params: { realm: '' } }]],
    [
      'names that objects have anyway',
      'Bearer __proto__="x", constructor="y"',
      [{ scheme: 'bearer', params: Object.fromEntries([['__proto__', 'x']].concat([['constructor', 'y']])) }],
    ],
  ])('%s', (_, header, challenges) => {
    expect(parse(header)).toEqual(challenges);
  });

  test.each<[string, string, object[]]>([
    [
      'a URL without quotes',
      `Bearer resource_metadata=${metadata}, error=x`,
      [{ scheme: 'bearer', params: { resource_metadata: metadata, error: 'x' } }],
    ],
    [
      'parameters without commas',
      'Bearer realm="x" scope="a" error=b',
      [{ scheme: 'bearer', params: { realm: 'x', scope: 'a', error: 'b' } }],
    ],
    [
      'challenges without commas',
      'Basic realm="x" Bearer scope="a"',
      [
        { scheme: 'basic', params: { realm: 'x' } },
        { scheme: 'bearer', params: { scope: 'a' } },
      ],
    ],
    [
      'a parameter that comes twice',
      'Bearer scope="a", scope="b"',
      [{ scheme: 'bearer', params: { scope: 'a' } }],
    ],
    [
      'two Bearer challenges [T15]',
      'Bearer scope="a", Bearer scope="b"',
      [
        { scheme: 'bearer', params: { scope: 'a' } },
        { scheme: 'bearer', params: { scope: 'b' } },
      ],
    ],
    [
      'a parameter of no scheme',
      'realm="x", Bearer scope="a"',
      [{ scheme: 'bearer', params: { scope: 'a' } }],
    ],
    [
      'an unterminated quote [T15]',
      'Bearer error="invalid_token", scope="a b',
      [{ scheme: 'bearer', params: { error: 'invalid_token' } }],
    ],
    ['an escape at the end', 'Bearer scope="a\\', [{ scheme: 'bearer' }]],
    ['CR in a value [T15]', 'Bearer scope="a\rb", error="x"', [{ scheme: 'bearer', params: { error: 'x' } }]],
    [
      'garbage between',
      'Bearer error="x"@@@, ="y", "z", scope="a"',
      [{ scheme: 'bearer', params: { error: 'x', scope: 'a' } }],
    ],
  ])('%s: read as far as it is sound', (_, header, challenges) => {
    expect(parse(header)).toEqual(challenges);
  });
});

describe('hostile input [17, T15]', () => {
  const size = 100_000;
  test.each([
    ['a long scheme', 'B'.repeat(size)],
    ['quotes', '"'.repeat(size)],
    ['commas', ','.repeat(size)],
    ['blanks', `Bearer${' '.repeat(size)}x`],
    ['equal signs', `Bearer a${'='.repeat(size)}x`],
    ['schemes', 'a '.repeat(size / 2)],
    ['parameters', 'Bearer a=b, '.repeat(size / 10)],
    ['backslashes', `Bearer a="${'\\'.repeat(size)}`],
    ['an unterminated string', `Bearer a="${'x'.repeat(size)}`],
    ['megabytes', `Bearer a="${'x, '.repeat(3_000_000)}"`],
  ])('%s: done in 50 ms', (_, header) => {
    const start = performance.now();
    parseChallenges(header);
    bearerChallenge(header);
    expect(performance.now() - start).toBeLessThan(50);
  });

  test('beyond 8 KiB nothing is read, and what stands on the border is not taken for whole', () => {
    const filler = `x="${'y'.repeat(8000)}"`;
    expect(bearerChallenge(`Bearer scope="a", ${filler}, error=${'e'.repeat(300)}`)).toMatchObject({
      scope: 'a',
      error: undefined,
    });
    expect(bearerChallenge(`Bearer ${filler}, ${filler}, scope="a"`).scope).toBeUndefined();
    expect(parse('B'.repeat(9000))).toEqual([]);
  });

  test('whatever comes, it does not throw', () => {
    const text = fc.string({ unit: fc.constantFrom(...'Ba ,="\\\t\r\0=é') });
    fc.assert(
      fc.property(text, (header) => {
        for (const { scheme } of parseChallenges(header)) expect(scheme).not.toBe('');
      }),
      { numRuns: 2000 },
    );
  });

  test('what is written by the grammar is read as it was meant', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,10}$/);
    const value = fc.string({ unit: fc.constantFrom(...'ab ,="\\\t;é') });
    const challenge = fc.record({
      scheme: word,
      params: fc.uniqueArray(fc.tuple(word, value), { minLength: 1, selector: ([name]) => name }),
    });
    fc.assert(
      fc.property(fc.array(challenge), (challenges) => {
        const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
        const header = challenges
          .map(({ scheme, params }) => `${scheme} ${params.map(([n, v]) => `${n}=${quote(v)}`).join(', ')}`)
          .join(', ');
        fc.pre(header.length <= 8192);
        const read = parseChallenges(header).map(({ scheme, params }) => ({ scheme, params: [...params] }));
        expect(read).toEqual(challenges);
      }),
    );
  });
});

describe('what the Bearer challenge says [A-07]', () => {
  test('all of it', () => {
    const header =
      'Basic realm="x", Bearer error="insufficient_scope", error_description="Needs more", ' +
      'scope="files:read  files:write", resource_metadata="https://mcp.example.com/meta"';
    expect(bearerChallenge(header)).toEqual({
      resourceMetadata: 'https://mcp.example.com/meta',
      scope: 'files:read files:write',
      error: 'insufficient_scope',
      errorDescription: 'Needs more',
    });
  });

  test('DPoP counts too, and two are merged, the first one first', () => {
    const header =
      'DPoP scope="a", error="use_dpop_nonce", Bearer scope="b", resource_metadata="https://mcp.example.com/meta"';
    expect(bearerChallenge(header)).toMatchObject({
      resourceMetadata: 'https://mcp.example.com/meta',
      scope: 'a',
      error: 'use_dpop_nonce',
    });
  });

  test.each([
    [undefined],
    ['Basic scope="a", error="b"'],
    ['Bearer'],
    ['Bearer scope="", error="", error_description="", resource_metadata=""'],
  ])('nothing: %s [A-08]', (header) => {
    expect(Object.values(bearerChallenge(header))).toEqual(Array(5).fill(undefined));
  });

  test.each([
    ['a "quote"', 'Bearer scope="a \\"b\\""'],
    ['a backslash', 'Bearer scope="a\\\\b"'],
    ['a letter beyond ASCII', 'Bearer scope="é"'],
    ['a line break [T15]', 'Bearer scope="a\r\nX-Injected: 1"'],
  ])('a scope with %s is none', (_, header) => {
    expect(bearerChallenge(header).scope).toBeUndefined();
  });

  test('the text is made fit to be shown [15, 95]', () => {
    const { errorDescription } = bearerChallenge(`Bearer error_description="a\u202eb ${'x'.repeat(500)}"`);
    expect(errorDescription).toMatch(/^ab x+…$/);
    expect(errorDescription).toHaveLength(200);
  });

  test('an error that is no error code is none [15]', () => {
    expect(bearerChallenge(`Bearer error="${'x'.repeat(65)}"`).error).toBeUndefined();
    expect(bearerChallenge('Bearer error="é"').error).toBeUndefined();
  });
});
