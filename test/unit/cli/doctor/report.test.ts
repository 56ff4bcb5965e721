import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makePublic } from '../../../../src/cli/doctor/public-text.ts';
import {
  document,
  exitCodeOf,
  heading,
  lineOf,
  type Subject,
  summary,
} from '../../../../src/cli/doctor/report.ts';
import { runSteps } from '../../../../src/cli/doctor/run-steps.ts';
import {
  type Finding,
  fail,
  ok,
  type Step,
  type StepResult,
  skip,
  warn,
} from '../../../../src/cli/doctor/step.ts';
import { steps } from '../../../../src/cli/doctor/steps.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';

const subject: Subject = {
  server: 'https://mcp.example.com/mcp',
  profile: 'work',
  version: '1.2.3',
  at: Date.UTC(2026, 10, 26, 22, 53, 0, 123),
};

const found = (id: string, title: string, finding: Finding): StepResult => ({ id, title, ...finding });
const results = [
  found('node', 'Node.js', ok('24.1.0 on linux x64', { version: '24.1.0' })),
  found('clock', 'Clock', warn('3 h ahead', 'clock-skew', 'set the clock')),
  found('pkce', 'PKCE', warn('not promised', 'no-pkce')),
  found('credentials', 'Credentials', fail('there are none', 'sign-in-needed', 'npx mcp-drawbridge login …')),
  found('tools', 'tools/list', skip('because “Credentials” has failed')),
];

const human = (all: readonly StepResult[], hasColours: boolean) =>
  heading(subject) + all.map((result) => lineOf(result, hasColours)).join('') + summary(all);

describe('the report for people', () => {
  test('has one line for each step, with the fix below, and ends with what to do first', () => {
    expect(human(results, false)).toBe(
      `mcp-drawbridge 1.2.3: https://mcp.example.com/mcp, profile work, 2026-11-26T22:53:00Z

[ ok ] Node.js: 24.1.0 on linux x64
[warn] Clock: 3 h ahead
       fix: set the clock
[warn] PKCE: not promised
[fail] Credentials: there are none
       fix: npx mcp-drawbridge login …
[skip] tools/list: because “Credentials” has failed

1 ok, 2 to look at, 1 failed, 1 skipped. Begin with this: npx mcp-drawbridge login …
`,
    );
  });

  test('is the same with colours, but for them', () => {
    const coloured = human(results, true);
    expect(coloured).toContain('\u001b[31m[fail]\u001b[0m Credentials');
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(human(results, false));
  });

  test('says of a sound connection that it is one, and of a warning what could be done', () => {
    expect(summary([results[0] as StepResult])).toBe(
      '\n1 ok, 0 to look at, 0 failed, 0 skipped. The connection is sound.\n',
    );
    expect(summary(results.slice(0, 3))).toContain('If you like: set the clock\n');
  });
});

describe('the report for programs', () => {
  test('is one document', () => {
    expect(JSON.parse(document(subject, results))).toEqual({
      schema: 'mcp-drawbridge/doctor',
      version: 1,
      generatedAt: '2026-11-26T22:53:00Z',
      program: '1.2.3',
      server: 'https://mcp.example.com/mcp',
      profile: 'work',
      ok: false,
      exitCode: 4,
      fix: 'npx mcp-drawbridge login …',
      steps: [
        {
          id: 'node',
          title: 'Node.js',
          status: 'ok',
          text: '24.1.0 on linux x64',
          facts: { version: '24.1.0' },
        },
        {
          id: 'clock',
          title: 'Clock',
          status: 'warn',
          text: '3 h ahead',
          reason: 'clock-skew',
          fix: 'set the clock',
        },
        { id: 'pkce', title: 'PKCE', status: 'warn', text: 'not promised', reason: 'no-pkce' },
        {
          id: 'credentials',
          title: 'Credentials',
          status: 'fail',
          text: 'there are none',
          reason: 'sign-in-needed',
          fix: 'npx mcp-drawbridge login …',
        },
        { id: 'tools', title: 'tools/list', status: 'skip', text: 'because “Credentials” has failed' },
      ],
    });
  });

  test.each([
    ['unreachable', 3],
    ['authorization-server', 3],
    ['sign-in-needed', 4],
    ['insufficient-scope', 4],
    ['credential-store', 5],
    ['something-of-its-own', 1],
  ])('a failure for %s means the exit code %i, whatever fails after it', (reason, code) => {
    const later = found('b', 'B', fail('b', 'unreachable'));
    expect(exitCodeOf([...results.slice(0, 3), found('a', 'A', fail('a', reason)), later])).toBe(code);
    expect(exitCodeOf(results.slice(0, 3))).toBe(0);
  });
});

describe('the page for users', () => {
  const page = readFileSync(new URL('../../../../docs/troubleshooting.md', import.meta.url), 'utf8');

  test('lists the steps in their order, and names none that there is not', () => {
    const listed = /The steps, in their order: ([^.]*)\./.exec(page)?.[1] ?? '';
    expect([...listed.matchAll(/`([a-z-]+)`/g)].map(([, id]) => id)).toEqual(steps.map(({ id }) => id));
    const titles = [...page.matchAll(/`\[(?:fail|warn| ok )\] ([^:`…]+):/g)].map(([, title]) => title);
    // The one step with two: which it has depends on the server.
    const known = [...steps.map((step) => step.title), 'server/discover'];
    expect(titles.filter((title) => !known.includes(title ?? ''))).toEqual([]);
  });

  test('has each step after what it needs', () => {
    const ids = steps.map(({ id }) => id);
    for (const { id, needs } of steps)
      for (const need of needs) expect(ids.slice(0, ids.indexOf(id)), `${id} needs ${need}`).toContain(need);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the runner', () => {
  const examination = { signal: new AbortController().signal } as Parameters<typeof runSteps>[1];
  const step = (id: string, needs: string[], run: () => Finding): Step => ({ id, title: id, needs, run });

  test('skips what needs a step that has failed, with that reason, and hands the reason of a skip on', async () => {
    const some = [
      step('a', [], () => fail('broken', 'internal')),
      step('b', ['a'], () => ok('never')),
      step('c', ['b'], () => ok('never')),
      step('d', [], () => skip('not asked for')),
      step('e', ['d'], () => ok('never')),
      step('f', [], () => ok('fine')),
    ];
    const heard: string[] = [];
    const done = await runSteps(some, examination, ({ id }) => heard.push(id));
    expect(done.map(({ status, text }) => `${status}: ${text}`)).toEqual([
      'fail: broken',
      'skip: because “a” has failed',
      'skip: because “a” has failed',
      'skip: not asked for',
      'skip: not asked for',
      'ok: fine',
    ]);
    expect(heard).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  test('takes what a step throws for its failure, and keeps what is unforeseen to itself', async () => {
    const some = [
      step('a', [], () => {
        throw new DrawbridgeError('timeout', 'Too slow.');
      }),
      step('b', [], () => {
        throw new Error('a secret');
      }),
    ];
    const [first, second] = await runSteps(some, examination, () => {});
    expect(first).toMatchObject({ status: 'fail', reason: 'timeout', text: 'Too slow.' });
    expect(second).toMatchObject({ status: 'fail', reason: 'internal' });
    expect(second?.text).not.toContain('secret');
  });
});

describe('what is made public', () => {
  const publish = makePublic((text) => text.replaceAll('canary', '[redacted]'), '/home/ada');
  const clean = (text: string) => publish(found('a', 'A', warn(text, 'r', text, { deep: [text] })));

  test.each([
    ['https://a.example/mcp?key=1&b=2, and more', 'https://a.example/mcp?… and more'],
    ['“https://a.example/?x” is it', '“https://a.example/?…” is it'],
    ['login "https://a.example/mcp?…"', 'login "https://a.example/mcp?…"'],
    ['http://ada:pass@proxy.example:8080 it is', 'http://proxy.example:8080 it is'],
    ['/home/ada/.local/share', '~/.local/share'],
    ['a canary\u001b[31m\n\u202ered', 'a [redacted][31m red'],
  ])('%j is shown as %j', (text, shown) => {
    expect(clean(text)).toMatchObject({ text: shown, fix: shown, facts: { deep: [shown] } });
  });
});
