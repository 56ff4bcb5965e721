import { parseArgs } from 'node:util';
import { type OptionValues, options } from './options.ts';

type ParserOptions = Record<string, { type: 'string' | 'boolean'; multiple?: boolean }>;

/**
 * Reads the arguments of a plain bridge start, `<url> [options]`, without the command-line library,
 * whose loading would cost 8 ms at every start of every client.
 *
 * @returns undefined where the arguments are anything else, faulty ones included: cli/program.ts then has the word
 */
export function parseBridgeArguments(
  argv: readonly string[],
): { url: string; values: OptionValues } | undefined {
  // A command, or nothing that could be started.
  if (/^[a-z-]+$/.test(argv[0] ?? '') && !argv[0]?.startsWith('-')) return undefined;
  if (!argv.some((word) => word.includes('://'))) return undefined;
  const parserOptions: ParserOptions = {};
  for (const { name, value, repeatable } of options) {
    parserOptions[name] = { type: value ? 'string' : 'boolean', multiple: repeatable ?? false };
  }
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: parserOptions,
      allowPositionals: true,
    });
    const [url, ...rest] = positionals;
    if (!url?.includes('://') || rest.length > 0) return undefined;
    return { url, values: values as OptionValues };
  } catch {
    return undefined;
  }
}
