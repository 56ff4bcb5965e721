import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { speaksMcpRemote } from '../../../../src/cli/mcp-remote/detect.ts';
import { mcpRemoteOptions } from '../../../../src/cli/mcp-remote/table.ts';
import { options } from '../../../../src/cli/options.ts';
import { root } from '../../helpers/import-graph.ts';

const fixture = JSON.parse(readFileSync(join(root, 'test/fixtures/mcp-remote/options.json'), 'utf8')) as {
  version: string;
  options: string[];
};
const package_ = join(root, '.cache/bench/node_modules/mcp-remote');
const names = mcpRemoteOptions.map(({ name }) => name);

describe('the options of mcp-remote', () => {
  test('each that its README names has a row, and no other', () => {
    expect([...names].sort()).toEqual(fixture.options);
  });

  test.skipIf(!existsSync(package_))('the list is that of the package itself', () => {
    const { version } = JSON.parse(readFileSync(join(package_, 'package.json'), 'utf8'));
    const readMe = readFileSync(join(package_, 'README.md'), 'utf8');
    const named = [...readMe.matchAll(/--([a-z][a-z0-9-]*)/g)].map(([, name]) => name);
    expect(version).toBe(fixture.version);
    expect([...new Set(named)].sort()).toEqual(fixture.options);
  });

  test('what is said to be the same is an option of ours, with a value or without as there', () => {
    for (const { name, value, rewriting } of mcpRemoteOptions) {
      if (rewriting.as !== 'same') continue;
      const ours = options.find((option) => option.name === name);
      expect(ours, name).toBeDefined();
      expect(ours?.value === undefined, name).toBe(value === undefined);
    }
  });

  test('what takes their place are options of ours, and so is what they contradict', () => {
    const known = options.map(({ name }) => name);
    for (const { name, value, rewriting, ours } of mcpRemoteOptions) {
      for (const one of ours) expect(known, name).toContain(one);
      if (rewriting.as !== 'words') continue;
      for (const sample of value?.split('|') ?? [''])
        for (const word of rewriting.words(sample)) {
          const [, long, inline] = /^--([a-z-]+)(?:=(.*))?$/.exec(word) ?? [];
          const option = options.find((one) => one.name === long);
          expect(option, word).toBeDefined();
          expect(option?.value === undefined, word).toBe(inline === undefined);
        }
    }
  });

  test('each that has to be translated is seen at the start, and none that has not', () => {
    const url = 'https://mcp.example.com/mcp';
    for (const { name, value, rewriting } of mcpRemoteOptions) {
      const samples = value?.split('|').map((one) => [`--${name}`, one]) ?? [[`--${name}`]];
      for (const words of samples)
        expect(speaksMcpRemote([url, ...words]), words.join(' ')).toBe(rewriting.as !== 'same');
    }
    for (const { name, value } of options.filter((one) => !names.includes(one.name)))
      expect(speaksMcpRemote([url, `--${name}`, ...(value ? ['5'] : [])]), name).toBe(false);
    expect(speaksMcpRemote([url])).toBe(false);
    expect(speaksMcpRemote([url, '--keep-alive', '5', '--transport', 'sse'])).toBe(false);
    expect(speaksMcpRemote([url, '9696'])).toBe(true);
    expect(speaksMcpRemote([url, '--header', 'A: b', '9696'])).toBe(true);
    expect(speaksMcpRemote(['--transport=http-only', url])).toBe(true);
    expect(speaksMcpRemote([url, '--resource', ''])).toBe(true);
    expect(speaksMcpRemote([])).toBe(false);
  });
});
