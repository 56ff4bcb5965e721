import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownOptions } from '../../src/cli/clients/bridge-words.ts';
import { options } from '../../src/cli/options.ts';
import { storedCommands } from '../../src/cli/stored/command-table.ts';
import { pages, parsePage } from '../support/markdown.ts';
import { root } from './helpers/import-graph.ts';

const all = pages();
const byPath = new Map(all.map((page) => [page.path, page]));

/** What is wrong with a link; undefined where it leads somewhere. Other places are not asked. */
function fault(from: string, link: string): string | undefined {
  if (/^(https?|mailto):/.test(link)) return link.startsWith('http:') ? 'is not https' : undefined;
  const [target = '', anchor] = link.split('#');
  const path = target === '' ? from : posix.join(dirname(from), target);
  if (!existsSync(join(root, path))) return 'leads nowhere';
  if (anchor === undefined) return undefined;
  return byPath.get(path)?.anchors.includes(anchor) ? undefined : 'has no such heading';
}

describe('the pages', () => {
  test.each(all)('$path: its links lead somewhere', ({ path, links }) => {
    const faults = links.flatMap((link) => {
      const what = fault(path, link);
      return what === undefined ? [] : [`${link} ${what}`];
    });
    expect(faults).toEqual([]);
  });

  test('each can be reached from the read-me', () => {
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const link of byPath.get(path)?.links ?? []) {
        if (/^https?:/.test(link)) continue;
        const to = posix.join(dirname(path), link.split('#')[0] || posix.basename(path));
        const isFolder = existsSync(join(root, to)) && statSync(join(root, to)).isDirectory();
        for (const page of all)
          if (page.path === to || (isFolder && dirname(page.path) === to)) visit(page.path);
      }
    };
    visit('README.md');
    expect(all.map(({ path }) => path).filter((path) => !seen.has(path))).toEqual([]);
  });

  test.each(all)('$path: the files that it names are there', ({ spans }) => {
    const named = spans.filter((span) =>
      /^(bench|bin|docs|extension|scripts|src|test)\/[\w./-]*$/.test(span),
    );
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('docs/architecture.md has at most a hundred lines', () => {
    const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(100);
  });
});

describe('the options', () => {
  const known = new Set([
    ...options.map(({ name }) => name),
    ...ownOptions.map(({ name }) => name),
    ...storedCommands.flatMap(({ own }) => own.map(({ name }) => name)),
    ...['with-token', 'json', 'url', 'auto-approve', 'help', 'version'],
    // Of programs that are spoken of: gcloud and Keycloak's.
    ...['audiences', 'features'],
  ]);
  // What is quoted is a command of another program.
  const named = (span: string): string[] =>
    [...span.replaceAll(/"[^"]*"/g, '').matchAll(/(?<![\w-])--([a-z][a-z0-9-]+)/g)].map(
      ([, name]) => name as string,
    );

  test('docs/options.md lists each, once, and no other', () => {
    const text = readFileSync(join(root, 'docs/options.md'), 'utf8');
    const rows = text.split('\n').filter((line) => line.startsWith('| `--'));
    const listed = rows.flatMap((row) => named(row.slice(0, row.search(/[^\\]\| /) + 1)));
    const wanted = options.filter((option) => !('hidden' in option)).map(({ name }) => name);
    expect(listed.sort()).toEqual(wanted.sort());
  });

  test.each(all.filter(({ path }) => path !== 'CONTRIBUTING.md'))(
    '$path names no option that there is not',
    ({ path, spans }) => {
      // A page for those who come from another program names that one's options.
      const own = spans.filter((span) =>
        /^(--|npx|mcp-drawbridge|login|logout|status|doctor|token|add|remove|demo)/.test(span),
      );
      const unknown = own.flatMap(named).filter((name) => !known.has(name));
      expect(path.includes('migration') ? [] : unknown).toEqual([]);
    },
  );
});

test('docs/troubleshooting.md has each reason of an error, and no other', () => {
  const [, table = ''] = /`reason` \| [^\n]*\n\|[- |]*\n((?:\|.*\n)+)/.exec(
    readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8'),
  ) as RegExpExecArray;
  const listed = table
    .split('\n')
    .flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([a-z-]+)`/g)]);
  const source = readFileSync(join(root, 'src/errors.ts'), 'utf8');
  const reasons = [...source.matchAll(/^ {2}'?([a-z-]+)'?: \{ exitCode/gm)].map(([, reason]) => reason);
  expect(reasons.length).toBeGreaterThan(20);
  expect(listed.map(([, reason]) => reason).sort()).toEqual(reasons.sort());
});

test('a page is read as GitHub reads it', () => {
  const { fences, links, anchors, spans } = parsePage(
    'a.md',
    '# API keys, and *other* `tokens`!\n\n[x](b.md#c) `[y](z.md)`\n\n1. a\n\n   ```sh\n   # no heading\n   run it\n   ```\n',
  );
  expect(fences).toEqual([{ place: 'a.md:7', language: 'sh', text: '# no heading\nrun it\n' }]);
  expect(links).toEqual(['b.md#c']);
  expect(anchors).toEqual(['api-keys-and-other-tokens']);
  expect(spans).toEqual(['tokens', '[y](z.md)']);
});
