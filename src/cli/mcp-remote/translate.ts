import { DrawbridgeError } from '../../errors.ts';
import { options } from '../options.ts';
import { redirectWords } from './callback.ts';
import { debugLogWords } from './debug-log.ts';
import { isSwitch } from './detect.ts';
import { clientInfoWords, clientMetadataWords, type StaticWords } from './static-client.ts';
import { type McpRemoteOption, mcpRemoteOptions } from './table.ts';

/** A command line in our own words, and what is to be told of it to whoever looks for a fault. */
export interface Translation {
  argv: string[];
  notes: string[];
}

/** What follows these is not for a bridge, or is a client's to read later. */
const untranslated = /^(help|remove|demo|client-metadata|completion|sign-in-process)$/;

const foreign = new Map(
  mcpRemoteOptions.filter(({ rewriting }) => rewriting.as !== 'same').map((option) => [option.name, option]),
);
const takesValue = new Set(
  [...options, ...mcpRemoteOptions].filter(({ value }) => value !== undefined).map(({ name }) => name),
);

/**
 * Puts the words of mcp-remote into ours, so that nothing else has to know them. What mcp-remote would pass over with a
 * warning (a value that is none) is left for our own options to refuse.
 *
 * @param argv arguments of a bridge, or of a command that has its options
 * @throws DrawbridgeError `usage` where it contradicts itself, or can't be read
 */
export async function inOurWords(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Translation> {
  if (untranslated.test(argv[0] ?? '')) return { argv: [...argv], notes: [] };
  const { words, given, port, url } = sort(argv);
  refuseContradictions(words, given, port);
  const notes: string[] = [];
  const added: string[] = [];
  for (const [name, value] of given) {
    const { rewriting } = foreign.get(name) as McpRemoteOption;
    // An interval that is given counts, not the one that the switch stands for.
    if (name === 'keep-alive' && has(words, 'ping-interval')) continue;
    if (rewriting.as === 'words') added.push(...rewriting.words(value));
    if (rewriting.as === 'nothing') notes.push(`--${name} does nothing here: ${rewriting.why}`);
  }
  const command = argv[0]?.includes('://') || argv[0]?.startsWith('-') ? undefined : argv[0];
  const { words: client, isKnown } = clientWords(given, env, command);
  added.push(...client);
  if (given.has('debug')) added.push(...(await debugLogWords(words, url, command, env, notes)));
  else if (given.has('silent')) added.push('--log-level=error');
  if (port !== undefined || isKnown) added.push(...redirectWords([...words, ...added], url, port));
  // Without a resource there is none to be named.
  const all = given.has('disable-resource-parameter') ? without(words, 'resource') : words;
  const end = all.indexOf('--');
  return { argv: end < 0 ? [...all, ...added] : [...all.slice(0, end), ...added, ...all.slice(end)], notes };
}

interface Sorted {
  /** What is ours, or is theirs under the same name. */
  words: string[];
  /** The options that are theirs alone; of one that is there twice the first counts, as with them. */
  given: Map<string, string>;
  port: string | undefined;
  /** As it was typed. */
  url: string | undefined;
}

function sort(argv: readonly string[]): Sorted {
  const sorted: Sorted = { words: [], given: new Map(), port: undefined, url: undefined };
  const { words, given } = sorted;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string;
    const [, name, inline] = /^--([a-z0-9-]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    const next = argv[at + 1];
    if (word === '--') {
      words.push(...argv.slice(at));
      break;
    }
    if (name === undefined) {
      if (sorted.url === undefined && word.includes('://')) sorted.url = word;
      else if (sorted.url !== undefined && sorted.port === undefined && /^\d+$/.test(word)) {
        sorted.port = word;
        continue;
      }
      words.push(word);
    } else if (name === 'resource' && (inline ?? next) === '') {
      // An empty one is how scripts of theirs switch it off.
      words.push('--no-resource');
      if (inline === undefined) at++;
    } else if (!isForeign(name, inline ?? next, inline === undefined)) {
      words.push(word);
      if (takesValue.has(name) && inline === undefined && next !== undefined)
        words.push(argv[++at] as string);
    } else {
      const { value } = foreign.get(name) as McpRemoteOption;
      const text = value === undefined ? '' : (inline ?? argv[++at]);
      if (text === undefined || (value !== undefined && text === '')) throw usage(`--${name} needs a value.`);
      if (!given.has(name)) given.set(name, text);
    }
  }
  // mcp-remote takes 0 for none.
  if (Number(sorted.port) === 0) sorted.port = undefined;
  return sorted;
}

function isForeign(name: string, value: string | undefined, isApart: boolean): boolean {
  if (name === 'keep-alive') return isApart && isSwitch(value);
  if (name === 'transport') return /-(first|only)$/.test(value ?? '');
  return foreign.has(name);
}

/** The client that is known beforehand, and what is registered of one that is not. */
function clientWords(
  given: ReadonlyMap<string, string>,
  env: NodeJS.ProcessEnv,
  command: string | undefined,
): { words: string[]; isKnown: boolean } {
  const info = given.get('static-oauth-client-info');
  const metadata = given.get('static-oauth-client-metadata');
  // What is written into a client's configuration stays there, for all to read.
  if (command === 'add' && info?.startsWith('@'))
    throw usage(
      "--static-oauth-client-info @file would put the secret into the client's configuration; give --client-id and --client-secret '${VAR}' instead.",
    );
  const none: StaticWords = { words: [], authMethod: undefined };
  const client = info === undefined ? none : clientInfoWords(info, env);
  const registered = metadata === undefined ? none : clientMetadataWords(metadata);
  const authMethod = client.authMethod ?? registered.authMethod;
  return {
    words: [
      ...client.words,
      ...registered.words,
      ...(authMethod === undefined ? [] : [`--client-auth-method=${authMethod}`]),
    ],
    isKnown: info !== undefined,
  };
}

/** @throws DrawbridgeError `usage` where an option of theirs and one of ours say the same, or not */
function refuseContradictions(
  words: readonly string[],
  given: ReadonlyMap<string, string>,
  port: string | undefined,
): void {
  const refuse = (what: string, name: string): void => {
    if (has(words, name)) throw usage(`${what} and --${name} are the same option; give one of them.`);
  };
  if (port !== undefined) refuse('The callback port after the URL', 'callback-port');
  for (const name of given.keys())
    for (const ours of (foreign.get(name) as McpRemoteOption).ours) refuse(`--${name}`, ours);
  if (given.has('static-oauth-client-metadata') && has(words, 'scope')) {
    const { words: more } = clientMetadataWords(given.get('static-oauth-client-metadata') as string);
    if (has(more, 'scope')) refuse('The scope in --static-oauth-client-metadata', 'scope');
  }
}

function has(words: readonly string[], name: string): boolean {
  return words.some((word) => word === `--${name}` || word.startsWith(`--${name}=`));
}

function without(words: readonly string[], name: string): string[] {
  return words.filter(
    (word, at) => word !== `--${name}` && !word.startsWith(`--${name}=`) && words[at - 1] !== `--${name}`,
  );
}

function usage(message: string): DrawbridgeError {
  return new DrawbridgeError('usage', message);
}
