import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildSettings } from '../../../src/cli/build-settings.ts';
import { parseBridgeArguments } from '../../../src/cli/fast-arguments.ts';
import type { Settings } from '../../../src/settings.ts';
import { root } from '../helpers/import-graph.ts';

const page = readFileSync(join(root, 'docs/enterprise.md'), 'utf8');

interface Example {
  section: string;
  command: string;
  args: string[];
  env?: Record<string, string>;
}

const examples = page.split(/^#{2,3} /m).flatMap((text) =>
  [...text.matchAll(/```json\n([\s\S]*?)\n```/g)].map(
    ([, json]): Example => ({
      section: text.slice(0, text.indexOf('\n')),
      ...(JSON.parse(json ?? '') as Omit<Example, 'section'>),
    }),
  ),
);

function settingsOf({ args, env = {} }: Example): Settings {
  const parsed = parseBridgeArguments(args.slice(2));
  expect(parsed, 'arguments that the program takes').toBeDefined();
  return buildSettings(parsed?.url ?? '', parsed?.values ?? {}, env);
}

const grantsOf = (section: string) =>
  examples
    .filter((example) => example.section === section)
    .map((example) => {
      const { tokenCommand, signIn } = settingsOf(example);
      return tokenCommand ? 'token-command' : signIn.useIdToken ? 'id-token' : signIn.grant;
    });

describe('docs/enterprise.md', () => {
  test.each(examples)('$section: a configuration that the program takes', (example) => {
    const { command, args, env = {} } = example;
    expect([command, ...args.slice(0, 2)]).toEqual(['npx', '-y', 'mcp-drawbridge']);
    settingsOf(example);
    // no secret in the arguments; each variable that is named is set, and each that is set is used.
    const named = args.flatMap((word) => [...word.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    const own = Object.keys(env).filter((name) => name.startsWith('MCP_DRAWBRIDGE_'));
    expect(Object.keys(env).sort()).toEqual([...named, ...own].sort());
    for (const option of ['--client-secret', '--idp-client-secret']) {
      const at = args.indexOf(option);
      if (at >= 0) expect(args[at + 1]).toMatch(/^\$\{\w+\}$/);
    }
  });

  test.each([
    ['Client credentials', ['client-credentials']],
    ['With a private key', ['client-credentials']],
    ['Workload identity', ['workload']],
    ['Enterprise-managed authorization', ['enterprise']],
    ['ID token as bearer', ['id-token']],
    ['Entra ID', ['client-credentials']],
    ['Google', ['token-command', 'id-token']],
    ['Okta', ['enterprise', 'client-credentials']],
    ['Auth0', ['client-credentials']],
    ['Keycloak', ['workload']],
  ])('%s shows %s', (section, grants) => {
    expect(grantsOf(section)).toEqual(grants);
  });

  test('the inner links lead somewhere', () => {
    const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replace(/\s/g, '-'),
    );
    for (const [, anchor = ''] of page.matchAll(/\]\(#([\w-]+)\)/g)) expect(anchors).toContain(anchor);
  });

  test('each provider names its sources', () => {
    const [, providers = ''] = page.split('## Five identity providers');
    for (const section of providers.split(/^### /m).slice(1))
      expect(section.match(/^- <https:\/\/\S+>$/gm)?.length, section.slice(0, 20)).toBeGreaterThan(1);
  });
});
