import fc from 'fast-check';

/** A JSON value with its exact text, however oddly that is formatted, and what it is made of. */
export interface JsonNode {
  text: string;
  /** In the order of the text; keys may come twice. */
  members?: { key: string; node: JsonNode }[];
  elements?: JsonNode[];
}

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 });

/** Keys that trip naive readers, beside random ones. */
const key = fc.oneof(
  fc.constantFrom('a', 'b', 'id', 'result', '__proto__', 'constructor', '', '"', '\\', '\\"', '{', '}', ',:'),
  fc.string({ unit: 'grapheme', maxLength: 4 }),
);

/** A string as JSON writes it, or with every character escaped. */
function stringText(value: fc.Arbitrary<string>): fc.Arbitrary<{ value: string; text: string }> {
  return fc.tuple(value, fc.boolean()).map(([content, escaped]) => ({
    value: content,
    text: escaped ? `"${escapeAll(content)}"` : JSON.stringify(content),
  }));
}

export function escapeAll(text: string): string {
  return Array.from(
    { length: text.length },
    (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}

const scalar: fc.Arbitrary<JsonNode> = fc.oneof(
  fc
    .constantFrom('true', 'false', 'null', '0', '-0', '1.50', '1E+2', '1e400', '-12345678901234567890123')
    .map((text) => ({ text })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ text: JSON.stringify(value) })),
  stringText(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.string({ unit: fc.constantFrom('\\', '"', '{', '}', '[', ']', ',', ':', 'u'), maxLength: 8 }),
    ),
  ).map(({ text }) => ({ text })),
);

const { document } = fc.letrec<{ document: JsonNode; object: JsonNode; array: JsonNode }>((tie) => ({
  document: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('object'), tie('array')),
  object: fc
    .array(fc.tuple(space, stringText(key), space, space, tie('document'), space), { maxLength: 5 })
    .map((parts) => ({
      text: `{${parts.map(([a, name, b, c, { text }, d]) => `${a}${name.text}${b}:${c}${text}${d}`).join(',')}}`,
      members: parts.map(([, name, , , node]) => ({ key: name.value, node })),
    })),
  array: fc.array(fc.tuple(space, tie('document'), space), { maxLength: 5 }).map((parts) => ({
    text: `[${parts.map(([before, { text }, after]) => `${before}${text}${after}`).join(',')}]`,
    elements: parts.map(([, node]) => node),
  })),
}));

/** Any JSON value in any formatting. */
export const jsonNodes: fc.Arbitrary<JsonNode> = document;

export const jsonSpace: fc.Arbitrary<string> = space;

/** Every way down through objects: the keys and the node that they lead to, where of equal keys the last counts. */
export function pathsOf(node: JsonNode): { path: string[]; node: JsonNode }[] {
  const last = new Map((node.members ?? []).map((member) => [member.key, member.node]));
  return [...last].flatMap(([name, child]) => [
    { path: [name], node: child },
    ...pathsOf(child).map((deeper) => ({ path: [name, ...deeper.path], node: deeper.node })),
  ]);
}

/** Every array in the value, itself included. */
export function arraysOf(node: JsonNode): JsonNode[] {
  const children = [...(node.elements ?? []), ...(node.members ?? []).map((member) => member.node)];
  return [...(node.elements ? [node] : []), ...children.flatMap(arraysOf)];
}
