import { type OptionValues, options } from '../options.ts';
import type { Client } from './client-table.ts';

const secretName =
  /authorization|cookie|secret|token|passw|credential|(api|access|auth|private)[-_]?key|^x-.*key$/i;
const variable = /\$\{([^}]+)\}/g;

/**
 * What is worth saying about options that go into a configuration, one sentence each; never a value.
 *
 * @param given the options, by long name
 */
export function warningsFor(client: Client, url: string, given: OptionValues): string[] {
  const inEnvironment = `give it as \${NAME}, and NAME its value in ${environmentOf(client, ['NAME'])}`;
  const literal = (what: string): string =>
    `${what} stands in the configuration as it was given, and in the list of processes; rather ${inEnvironment}.`;
  return [
    ...texts(given.header)
      .map((line): [string, string] => [line.slice(0, line.indexOf(':')).trim(), line])
      .filter(([name, line]) => secretName.test(name) && !line.includes('${'))
      .map(([name]) => literal(`The value of the header "${name}"`)),
    ...options
      .filter(
        ({ name }) => /(^|-)secret$/.test(name) && texts(given[name]).some((text) => !text.includes('${')),
      )
      .map(({ name }) => literal(`The value of --${name}`)),
    ...[...new URL(url).searchParams.keys()]
      .filter((name) => secretName.test(name) || /^(api_?)?key$/i.test(name))
      .map(
        (name) => `The server's URL holds "${name}", which everyone can read who reads the configuration.`,
      ),
    ...options
      .filter(({ name }) => /-file$|^client-key$/.test(name) && texts(given[name]).some(isRelative))
      .map(
        ({ name }) =>
          `--${name} is relative to the folder that the client happens to start in; better give the whole path.`,
      ),
  ];
}

/** The sentence that tells where variables get their values; undefined where the options name none. */
export function variablesHint(client: Client, words: readonly string[]): string | undefined {
  const names = [
    ...new Set(words.flatMap((word) => [...word.matchAll(variable)].map(([, name]) => name as string))),
  ];
  if (names.length === 0) return undefined;
  const values = names.length === 1 ? 'its value' : 'their values';
  return `Give ${names.join(' and ')} ${values} in ${environmentOf(client, names)}: clients pass on few of the variables that you have set.`;
}

function environmentOf({ format }: Client, names: readonly string[]): string {
  return format === 'toml'
    ? `the entry's env = { ${names.map((name) => `${name} = "…"`).join(', ')} }`
    : `the entry's "env": { ${names.map((name) => `"${name}": "…"`).join(', ')} }`;
}

function texts(value: OptionValues[string]): string[] {
  return typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
}

function isRelative(path: string): boolean {
  return !/^([\\/]|[A-Za-z]:[\\/])/.test(path);
}
