import { expect, test } from 'vitest';
import { expandVariables } from '../../../src/cli/expand.ts';

const env = { A: 'x', EMPTY: '', NESTED: '${A}' };
const expand = (text: string) =>
  expandVariables(text, env, (variable) => {
    throw new Error(`${variable} is missing`);
  });

test.each([
  ['', ''],
  ['plain', 'plain'],
  ['${A}', 'x'],
  ['a${A}b${A}', 'axbx'],
  ['${EMPTY}', ''],
  ['$A', '$A'],
  ['${A', '${A'],
  ['$${A}', '$x'],
  // What a variable holds is not looked at again [93].
  ['${NESTED}', '${A}'],
])('%j is %j', (text, expanded) => {
  expect(expand(text)).toBe(expanded);
});

test.each(['B', '', 'a', 'toString', '__proto__', 'A:-default'])(
  '[91]: ${%s} that is not set is an error',
  (variable) => {
    expect(() => expand(`\${${variable}}`)).toThrow(`${variable} is missing`);
  },
);
