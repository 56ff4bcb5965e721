import { findElements, findMember, members, replaceAt, skipSpace } from './json-text.ts';

/**
 * Changes to a message that leave the rest of its text as it is (see json-text.ts). `path` is the keys that lead to a
 * value, outermost first.
 */

/** Sets a value; objects that are missing on the way to it are made. */
export function setMember(text: string, path: readonly string[], json: string): string {
  const span = findMember(text, ...path);
  if (span) return replaceAt(text, span, json);
  const parent = path.slice(0, -1);
  const member = `${JSON.stringify(path[path.length - 1])}:${json}`;
  const object = findMember(text, ...parent);
  if (!object || text[object.start] !== '{')
    return parent.length === 0 ? text : setMember(text, parent, `{${member}}`);
  const isEmpty = text[skipSpace(text, object.start + 1)] === '}';
  return replaceAt(text, { start: object.start + 1, end: object.start + 1 }, isEmpty ? member : `${member},`);
}

/** Takes members out of the object at `path`, where there is one; `isUnwanted` is asked for each key. */
export function removeMembers(
  text: string,
  path: readonly string[],
  isUnwanted: (key: string) => boolean,
): string {
  const object = findMember(text, ...path);
  if (!object || text[object.start] !== '{') return text;
  const all = members(text, object.start);
  const kept = all.filter(({ key }) => !isUnwanted(key));
  if (kept.length === all.length) return text;
  return replaceAt(text, object, `{${kept.map(({ keyStart, end }) => text.slice(keyStart, end)).join(',')}}`);
}

/** Takes elements out of the array at `path`; `keeps` says for each of them, in order, whether it stays. */
export function keepElements(text: string, path: readonly string[], keeps: readonly boolean[]): string {
  const array = findMember(text, ...path);
  if (!array || keeps.every(Boolean)) return text;
  const kept = findElements(text, array.start).filter((_, index) => keeps[index]);
  return replaceAt(text, array, `[${kept.map(({ start, end }) => text.slice(start, end)).join(',')}]`);
}
