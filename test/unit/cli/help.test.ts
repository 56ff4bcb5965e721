import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { beforeEach, describe, expect, test } from 'vitest';
import { buildSettings } from '../../../src/cli/build-settings.ts';
import { splitCommand } from '../../../src/cli/command-words.ts';
import { examples } from '../../../src/cli/help.ts';
import { options } from '../../../src/cli/options.ts';
import { commandTree } from '../helpers/command-tree.ts';

const golden = (name: string) => fileURLToPath(new URL(`golden/help-${name}.txt`, import.meta.url));

let program: Command;
beforeEach(async () => {
  program = await commandTree();
});

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (more) => {
      text += more;
    },
    getOutHelpWidth: () => 80,
  });
  command.outputHelp();
  return text;
}

describe('the help', () => {
  test('of the program, whole', async () => {
    await expect(helpOf(program)).toMatchFileSnapshot(golden('program'));
  });

  test('of each command, whole', async () => {
    for (const command of program.commands)
      if (command.name() !== 'sign-in-process')
        await expect(helpOf(command)).toMatchFileSnapshot(golden(command.name()));
  });

  test('lists each command under a heading, and none that is for ourselves', () => {
    const text = helpOf(program);
    expect(text).not.toContain('sign-in-process');
    expect(text).not.toMatch(/^Commands:/m);
    for (const command of program.commands)
      if (command.name() !== 'sign-in-process')
        expect(text).toMatch(new RegExp(`^ {2}${command.name()}\\b`, 'm'));
  });

  test('has no colours, nor anything else that a file would not want', () => {
    for (const command of [program, ...program.commands])
      expect(helpOf(command)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('the examples are true', () => {
  const lines = Object.entries(examples).flatMap(([name, list]) =>
    list.map(([, line]): [string, string] => [name, line]),
  );

  test('each command has some', () => {
    for (const command of program.commands)
      if (command.name() !== 'sign-in-process')
        expect(examples[command.name()]?.length, command.name()).toBeGreaterThan(0);
  });

  test.each(lines)('%s: %s', async (name, line) => {
    const words = wordsOf(line);
    const ran: string[] = [];
    for (const command of [program, ...program.commands])
      command.action(async (...given: unknown[]) => {
        ran.push(command.name());
        const urls = given.filter((one): one is string => typeof one === 'string' && one.includes('://'));
        // What stands there has to be what the checks let pass.
        for (const url of urls)
          buildSettings(url, valuesOf(words), { API_KEY: 'key', REPORT_SECRET: 'secret' });
      });
    await program.parseAsync(words, { from: 'user' });
    expect(ran).toHaveLength(1);
    if (name !== 'mcp-drawbridge' && !line.includes('--client-metadata-url')) expect(ran).toEqual([name]);
  });
});

/** The words after the program's name. */
function wordsOf(line: string): string[] {
  if (line.startsWith('{')) return (JSON.parse(line) as { args: string[] }).args.slice(2);
  const part = /mcp-drawbridge ([^|>)]*)/.exec(line)?.[1] ?? '';
  return splitCommand(part.replace(/"$/, '')) as string[];
}

/** The options of the bridge among them; files are left out, since they need not be there. */
function valuesOf(words: readonly string[]) {
  const values: Record<string, string | boolean | string[]> = {};
  words.forEach((word, index) => {
    const option = options.find(({ name }) => `--${name}` === word);
    if (!option || /file/.test(option.name)) return;
    const value = words[index + 1] as string;
    values[option.name] = !option.value ? true : option.repeatable ? [value] : value;
  });
  return values;
}
