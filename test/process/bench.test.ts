import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runNode } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const bench = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url));

test('the bench measures the bridge and says each figure, in its quick mode', async () => {
  const { code, stdout, stderr } = await runNode([bench, '--quick', '--no-build'], {}, 110_000);
  expect(stderr).not.toMatch(/Error/);
  expect(code).toBe(0);
  // One short repetition beside other tests: what it says is of no worth, that it says it is.
  for (const figure of ['`initialize` answer', 'PSS after', 'small call', 'in flight', 'notifications']) {
    expect(stdout).toContain(figure);
  }
  for (const client of ['legacy', 'modern']) {
    for (const remote of ['legacy', 'modern']) {
      const [, value] =
        stdout.match(
          new RegExp(`small call, ${client} client, ${remote} remote, p50, ms \\|.*? ([\\d.]+) \\|`),
        ) ?? [];
      expect(Number(value), `${client} client, ${remote} remote`).toBeGreaterThan(0);
      expect(stdout).toMatch(
        new RegExp(
          `${client} client, ${remote} remote: HTTP requests a call \\(≤ 1\\) \\|.* 1 \\|.* pass \\|`,
        ),
      );
    }
    // Of the same era nothing may be changed.
    expect(stdout).toMatch(
      new RegExp(
        `${client} client, ${client} remote: calls that arrive byte for byte, share \\(≥ 1\\) \\|.* pass \\|`,
      ),
    );
  }
  expect(stdout).toMatch(/HTTP requests until `initialize` is answered \|.*\| 1 \| 1\.00/);
}, 120_000);

const root = fileURLToPath(new URL('../..', import.meta.url));
const report = join(root, 'bench', 'report.json');

interface Report {
  metrics: { figure: string; metric: string; medians: Record<string, number | undefined> }[];
}
const { metrics } = JSON.parse(readFileSync(report, 'utf8')) as Report;
const medianOf = (figure: string, metric: string, name: string): number =>
  metrics.find((one) => one.figure === figure && one.metric === metric)?.medians[name] ?? Number.NaN;

test('the chart in the read-me is the one that the bench draws of the report beside it', async () => {
  const file = join(tempFolder(), 'chart.svg');
  const { code, stdout, stderr } = await runNode([bench, '--from', report, '--chart', file]);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
  const svg = readFileSync(file, 'utf8');
  expect(svg).toBe(readFileSync(join(root, 'docs', 'bench.svg'), 'utf8'));
  // An image in a page: nothing runs, nothing is fetched, and what is written can be read and searched for.
  expect(svg).not.toMatch(/<script|<foreignObject|href=|url\(|@import|@font-face|\son\w+=/i);
  expect(svg).toContain('prefers-color-scheme: dark');
  for (const name of ['mcp-drawbridge', 'mcp-remote 0.15.1', 'a bridge that checks nothing'])
    expect(svg).toContain(`>${name}</text>`);
  expect(isWellFormed(svg)).toBe(true);
});

test('a chart leaves out who was not measured', async () => {
  const folder = tempFolder();
  const [from, file] = [join(folder, 'report.json'), join(folder, 'chart.svg')];
  const only = metrics
    .filter(({ figure }) => figure === 'start')
    .map((one) => ({ ...one, medians: { 'mcp-drawbridge': 41 } }));
  writeFileSync(from, JSON.stringify({ quick: true, metrics: only }));
  expect((await runNode([bench, '--from', from, '--chart', file])).code).toBe(0);
  const svg = readFileSync(file, 'utf8');
  expect(svg.match(/<rect /g)).toHaveLength(2);
  expect(svg).not.toContain('mcp-remote');
  expect(svg).toContain('say nothing');
  expect(isWellFormed(svg)).toBe(true);
});

test('--from without --chart is a usage error', async () => {
  const { code, stderr } = await runNode([bench, '--from', report]);
  expect(code).toBe(2);
  expect(stderr).toContain('--from needs --chart');
});

describe("the read-me's table", () => {
  const page = readFileSync(join(root, 'README.md'), 'utf8');
  const rows: [label: string, figure: string, metric: string, unit: number][] = [
    ['start to the `initialize` answer', 'start', 'ms', 1],
    ['the same, signed in', 'signed-in', 'ms', 1],
    ['HTTP requests until then', 'requests', 'initialize', 1],
    ['memory after 5 s idle (PSS)', 'idle', 'pss', 1],
    ['added to a small tool call, median', 'latency-json', 'p50', 1],
    ['processor time for 1,000 calls', 'cpu', 'cpu', 1000],
    ['calls a second, 64 in flight', 'in-flight', 'perSecond', 1],
    ['ten bridges at once, until all are ready', 'ten', 'ready', 1],
    ['installed size', 'install', 'size', 1],
  ];

  test.each(rows)('%s: the figures of the report', (label, figure, metric, unit) => {
    const cells =
      page
        .split('\n')
        .find((line) => line.startsWith(`| ${label} |`))
        ?.split('|') ?? [];
    for (const [index, name] of ['floor', 'mcp-remote', 'mcp-drawbridge'].entries()) {
      const shown = (cells[index + 2] ?? '').trim();
      if (shown === '') continue;
      const value = Number(/^[\d.,]+/.exec(shown)?.[0].replaceAll(',', '')) * unit;
      const ratio = value / medianOf(figure, metric, name);
      // Rounded for people.
      expect(ratio, `${name}: ${shown}`).toBeGreaterThan(0.95);
      expect(ratio, `${name}: ${shown}`).toBeLessThan(1.05);
    }
    expect(cells).toHaveLength(6);
  });
});

/** Whether each element is closed in its turn; attributes and entities are for the eye. */
function isWellFormed(xml: string): boolean {
  const open: string[] = [];
  for (const [, end, name, self] of xml.matchAll(/<(\/?)([\w:]+)[^<>]*?(\/?)>/g)) {
    if (self) continue;
    if (!end) open.push(name as string);
    else if (open.pop() !== name) return false;
  }
  return open.length === 0;
}
