import { readFileSync } from 'node:fs';
import {
  mcpRemoteHash,
  mcpRemoteHeaders,
  mcpRemotePort,
  sortedJson,
} from '../../credentials/mcp-remote-hash.ts';

/**
 * The redirect that mcp-remote would have: who has registered a client beforehand, or names a port, has registered that
 * one. What is given of it counts.
 *
 * @param words the command line in our own words
 * @param url as it was typed
 * @param port as it was given; undefined: the one that mcp-remote makes of all that tells its connections apart
 */
export function redirectWords(
  words: readonly string[],
  url: string | undefined,
  port: string | undefined,
): string[] {
  const isGiven = (name: string): boolean => valuesOf(words, name).length > 0;
  const added: string[] = [];
  if (port !== undefined) added.push(`--callback-port=${port}`);
  else if (!isGiven('callback-port') && url !== undefined)
    added.push(`--callback-port=${derivedPort(words, url)}`);
  // As its own default is: Windows resolves "localhost" to ::1 first, where it does not listen.
  const host = process.platform === 'win32' ? '127.0.0.1' : 'localhost';
  if (!isGiven('callback-host')) added.push(`--callback-host=${host}`);
  if (!isGiven('callback-path')) added.push('--callback-path=/oauth/callback');
  return added;
}

function derivedPort(words: readonly string[], url: string): number {
  const [resource] = valuesOf(words, 'resource');
  const params = valuesOf(words, 'authorize-param').map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at).trim(), pair.slice(at + 1)];
  });
  const [clientMetadataUrl] = valuesOf(words, 'client-metadata-url');
  const hash = mcpRemoteHash(url, [
    words.includes('--no-resource') ? undefined : resource?.trim(),
    sortedJson(Object.fromEntries(params)),
    sortedJson(mcpRemoteHeaders(headerLines(words))),
    clientMetadataUrl?.trim(),
  ]);
  return mcpRemotePort(hash);
}

/** As they stand there, in their order: the later ones count. */
function headerLines(words: readonly string[]): string[] {
  return words.flatMap((word, at) => {
    const [, kind, inline] = /^--(header|header-file)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (kind === undefined) return [];
    const value = inline ?? words[at + 1] ?? '';
    if (kind === 'header') return [value];
    return linesOf(value).flatMap((line) => (/^\s*#/.test(line) ? [] : [line.trim()]));
  });
}

/** What can't be read is refused by whoever needs the headers. */
function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/);
  } catch {
    return [];
  }
}

function valuesOf(words: readonly string[], name: string): string[] {
  return words.flatMap((word, at) => {
    if (word.startsWith(`--${name}=`)) return [word.slice(name.length + 3)];
    return word === `--${name}` ? [words[at + 1] ?? ''] : [];
  });
}
