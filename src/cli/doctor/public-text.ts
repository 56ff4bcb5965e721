import { displayText } from '../../errors.ts';
import type { JsonValue } from '../../jsonrpc.ts';
import type { StepResult } from './step.ts';

const MAX_TEXT = 600;

/**
 * Makes results fit to be shown to anybody: known secrets out, queries and user names out of URLs, the user's home
 * folder as `~`, no control characters. The steps keep to this themselves; here it is made sure of.
 *
 * @param scrub takes out the secrets that are known
 * @param home the user's home folder; undefined where there is none
 */
export function makePublic(
  scrub: (text: string) => string,
  home: string | undefined,
): (result: StepResult) => StepResult {
  const clean = (text: string): string => {
    const tidy = displayText(scrub(text), MAX_TEXT)
      .replace(/\b(https?:\/\/)(?!user:password@)[^\s/@"'“”]+@/gi, '$1')
      .replace(/\b(https?:\/\/[^\s?#"'“”]*)\?(?!…)[^\s"'“”]*/gi, '$1?…');
    return home && home.length > 1 ? tidy.replaceAll(home, '~') : tidy;
  };
  const cleanValue = (value: JsonValue): JsonValue => {
    if (typeof value === 'string') return clean(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(cleanValue);
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cleanValue(part ?? null)]));
  };
  return (result) => ({
    ...result,
    text: clean(result.text),
    ...(result.fix !== undefined && { fix: clean(result.fix) }),
    ...(result.facts && { facts: cleanValue({ ...result.facts }) as Record<string, JsonValue> }),
  });
}
