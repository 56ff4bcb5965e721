import { expandVariables } from './expand.ts';
import type { OptionReader } from './option-reader.ts';

/** What the URL parser would drop, repair or split off; the texts are compared and sent as they stand. */
export const unsafe = /[\u0000-\u0020\u007f-\u00a0\\#]/;

/**
 * The text of an option in which `${VAR}` is expanded: a client id or a secret.
 *
 * @param env where the variables are looked up
 * @throws DrawbridgeError `usage`
 */
export function readExpanded(read: OptionReader, name: string, env: NodeJS.ProcessEnv): string | undefined {
  const text = read.text(name);
  if (text === undefined) return undefined;
  const value = expandVariables(text, env, (variable) =>
    read.fail(name, `names the environment variable ${variable}, which is not set`),
  );
  if (value === '') return read.fail(name, 'is empty');
  // RFC 6749 appendix A.1 and A.2: visible ASCII and blanks.
  return /^[\x20-\x7e]+$/.test(value)
    ? value
    : read.fail(name, 'holds a character that is not visible ASCII');
}

/**
 * An https URL as it was typed, or a plain http one to this machine.
 *
 * @param needsPath it names a document: only https, and a path
 * @throws DrawbridgeError `usage`
 */
export function readHttpsUrl(read: OptionReader, name: string, needsPath: boolean): string | undefined {
  const text = read.text(name);
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = url?.protocol === 'http:' && /^(127\.0\.0\.1|\[::1\]|localhost)$/.test(url.hostname);
  if (!url || unsafe.test(text) || url.username || url.password)
    return read.fail(name, 'must be an https URL');
  if (url.protocol !== 'https:' && (needsPath || !isLocal)) return read.fail(name, 'must be an https URL');
  // The client id is this very text: it must be what the document says of itself.
  if (needsPath && url.pathname === '/') return read.fail(name, 'must be an https URL with a path');
  return text;
}
