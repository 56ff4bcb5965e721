import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { encodeForOpening, openBrowser } from '../../../../src/authorization/browser/open-browser.ts';
import { isLinux } from '../../../support/prerequisites.ts';
import { isRunning } from '../../../support/processes.ts';
import { runNode } from '../../../support/run-command.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const link = 'https://as.example/authorize?response_type=code&state=abc&scope=a%20b';

describe('a URL is opened only if it is http or https, and harmless', () => {
  test.each([
    [link, link],
    ['http://127.0.0.1:9101/auth?x=1#frag', 'http://127.0.0.1:9101/auth?x=1#frag'],
    ['https://[2001:db8::1]:8443/a', 'https://[2001:db8::1]:8443/a'],
    ['https://bücher.example/ü?ä=é', 'https://xn--bcher-kva.example/%C3%BC?%C3%A4=%C3%A9'],
    [
      'https://h/?x=$(id)`id`&calc|"\'%0a<>^{}',
      'https://h/?x=%24%28id%29%60id%60&calc%7C%22%27%0a%3C%3E%5E%7B%7D',
    ],
    ["https://h/$(id)/'x'", 'https://h/%24%28id%29/%27x%27'],
  ])('%s [2, 5, T2]', (url, opened) => {
    expect(encodeForOpening(url)).toBe(opened);
    expect(encodeForOpening(opened)).toBe(opened);
    expect(new URL(opened).searchParams.get('x')).toBe(new URL(url).searchParams.get('x'));
  });

  test.each([
    'javascript:alert(1)',
    'file:///etc/passwd',
    'data:text/html,x',
    'vscode://x/y',
    'ms-msdt:/id',
    '\\\\host\\x',
    '//host/x',
    '--flag',
    '-https://h/',
    '',
    'https:',
    'https:h',
    'https://',
    'https://user@as.example/',
    'https://user:pw@as.example/',
    'https://as.example\\@evil.example/',
    'https://as.example/a b',
    'https://as.example/\ta',
    'https://as.example/\na',
    'https://as.example/\u0000',
    ' https://as.example/',
    'https://$(id).example/',
    "https://a';b.example/",
    'https://a&b.example/',
    `https://as.example/?x=${'y'.repeat(8192)}`,
    `https://as.example/?x=${'ü'.repeat(2000)}`,
  ])('%j is refused [1, 2, 5, T1, T3, T4]', async (url) => {
    expect(() => encodeForOpening(url)).toThrow(/can not be opened safely/);
    const { program, opened } = recorder();
    const { opened: isOpened, why } = await openBrowser(url, { ...process.env, BROWSER: program });
    expect([isOpened, why?.includes('can not be opened safely'), opened()]).toEqual([false, true, undefined]);
  });
});

describe.skipIf(process.platform === 'win32')('the program that BROWSER names [4, T2, T6]', () => {
  const env = (program: string, more: NodeJS.ProcessEnv = {}) => ({
    PATH: process.env.PATH,
    BROWSER: program,
    ...more,
  });

  test('gets the URL as its one argument, encoded, with no shell between', async () => {
    const { program, opened } = recorder();
    const hostile = 'https://h/?x=$(id)`id`&calc|"\'%0a;id';
    expect(await openBrowser(hostile, env(program))).toEqual({ opened: true });
    expect(opened()?.args).toEqual([encodeForOpening(hostile)]);
    expect(opened()?.parent).toBe(process.pid);
  });

  test('gets no input or output of ours, and is in a session of its own [T120]', async () => {
    const { program, opened } = recorder();
    await openBrowser(link, env(program));
    expect(opened()?.open.slice(0, 3)).toEqual(['/dev/null', '/dev/null', '/dev/null']);
    expect(opened()?.group).toBe(opened()?.pid);
  });

  test('keeps settings of its own, and gets no secret [4, 122, T120]', async () => {
    const { program, opened } = recorder();
    const secrets = {
      MCP_DRAWBRIDGE_PASSPHRASE: 'canary-1',
      GITHUB_TOKEN: 'canary-2',
      VAULT: 'canary-3-long',
    };
    const more = { ...secrets, URL: 'https://user:canary-4@h/', RECORD_TO: '/tmp/x', DISPLAY: ':7' };
    await openBrowser(link, env(program, more), ['canary-3-long']);
    expect(opened()?.env).toMatchObject({ RECORD_TO: '/tmp/x', DISPLAY: ':7' });
    expect(JSON.stringify(opened()?.env)).not.toContain('canary');
  });

  test('that ends with an error has opened nothing', async () => {
    const { program } = recorder('process.exit(3)');
    expect(await openBrowser(link, env(program))).toEqual({
      opened: false,
      why: `the program that BROWSER names, ${program}, failed (3)`,
    });
  });

  test('that is killed, likewise', async () => {
    const { program } = recorder('process.kill(process.pid, "SIGKILL")');
    expect(await openBrowser(link, env(program))).toMatchObject({
      opened: false,
      why: expect.stringMatching(/SIGKILL/),
    });
  });

  test.each(['/no/such/program', 'no-such-program-here', 'none'])(
    'that is not there: %s',
    async (program) => {
      expect(await openBrowser(link, env(program))).toEqual({
        opened: false,
        why: `the program that BROWSER names, ${program}, could not be started (ENOENT)`,
      });
    },
  );

  test('that can not be executed', async () => {
    const { program } = recorder();
    chmodSync(program, 0o600);
    expect(await openBrowser(link, env(program))).toMatchObject({
      opened: false,
      why: expect.stringMatching(/EACCES/),
    });
  });

  test.each(['firefox --new-window', 'sh -c id', '/bin/sh\u0000'])(
    'is a name, not a command line: %j',
    async (program) => {
      expect((await openBrowser(link, env(program))).opened).toBe(false);
    },
  );

  test('that runs on is the browser: opened after two seconds, and it lives on', async () => {
    const { program, opened } = recorder('setInterval(() => {}, 1000)');
    const start = performance.now();
    expect(await openBrowser(link, env(program))).toEqual({ opened: true });
    expect(performance.now() - start).toBeLessThan(3000);
    const pid = opened()?.pid as number;
    expect(isRunning(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });
});

describe.skipIf(!isLinux)('without BROWSER', () => {
  const isWsl = /microsoft/i.test(release());

  test.skipIf(isWsl)('and without a display nothing is tried', async () => {
    expect(await openBrowser(link, { PATH: process.env.PATH, BROWSER: '  ' })).toEqual({
      opened: false,
      why: 'there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)',
    });
  });

  test("the desktop's opener is asked, with an environment of what is on the list [4, T120]", async () => {
    const { program, opened } = recorder();
    vi.doMock('open', () => ({
      default: async (url: string) => {
        await Promise.resolve();
        seen.push(process.env.MY_SETTING);
        return spawn(program, [url], { stdio: 'ignore' });
      },
    }));
    onTestFinished(() => void vi.doUnmock('open'));
    const seen: (string | undefined)[] = [];
    vi.stubEnv('MY_SETTING', 'canary');
    vi.stubEnv('DISPLAY', ':7');
    onTestFinished(() => void vi.unstubAllEnvs());
    const before = process.env;
    expect(await openBrowser(link, process.env)).toEqual({ opened: true });
    // What else this process does meanwhile finds its settings.
    expect(seen).toEqual(['canary']);
    expect(opened()?.args).toEqual([link]);
    expect(opened()?.env).toMatchObject({ DISPLAY: ':7', PATH: process.env.PATH });
    expect(Object.keys(opened()?.env ?? {})).not.toContain('MY_SETTING');
    expect([process.env === before, process.env.MY_SETTING]).toEqual([true, 'canary']);
  });

  test.each([
    ['process.exit(3)', { opened: false, why: "the desktop's opener failed (3)" }],
    ['', { opened: true }],
  ])(
    'as bundled, it is xdg-open of the system, and its exit code counts: %j [T6]',
    async (script, result) => {
      const { program, opened } = recorder(script);
      const folder = join(program, '..');
      const file = await bundleOpener(folder);
      const env = { PATH: `${folder}:${process.env.PATH}`, DISPLAY: ':7', BROWSER: '', MY_SECRET: 'canary' };
      const { stdout, stderr } = await runNode([file, link], env);
      expect([stderr, JSON.parse(stdout)]).toEqual(['', result]);
      expect(opened()?.args).toEqual([link]);
      expect(JSON.stringify(opened()?.env)).not.toContain('canary');
    },
  );

  test('as bundled, without any opener: it says so', async () => {
    const folder = tempFolder();
    const file = await bundleOpener(folder);
    const { stdout } = await runNode([file, link], { PATH: folder, DISPLAY: ':7', BROWSER: '' });
    expect(JSON.parse(stdout)).toEqual({ opened: false, why: 'no browser could be started (ENOENT)' });
  });
});

interface Recorded {
  args: string[];
  env: Record<string, string>;
  pid: number;
  parent: number;
  group: number;
  open: string[];
}

/** A program, named xdg-open, that writes down how it was started before it does something more. */
function recorder(script = ''): { program: string; opened(): Recorded | undefined } {
  const folder = tempFolder();
  const program = join(folder, 'xdg-open');
  const file = join(folder, 'opened.json');
  writeFileSync(
    program,
    `#!${process.execPath}
const fs = require('node:fs');
const link = (n) => { try { return fs.readlinkSync('/proc/self/fd/' + n); } catch { return '/dev/null'; } };
let group = process.pid;
try { group = Number(fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[2]); } catch {}
fs.writeFileSync(${JSON.stringify(file)}, JSON.stringify({ args: process.argv.slice(2), env: process.env,
  pid: process.pid, parent: process.ppid, group, open: [0, 1, 2].map(link) }));
${script}
`,
    { mode: 0o755 },
  );
  return { program, opened: () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined) };
}

/** The opener as a file of CommonJS, as it is shipped, that prints what came of the URL in its argument. */
async function bundleOpener(folder: string): Promise<string> {
  const source = join(import.meta.dirname, '../../../../src/authorization/browser/open-browser.ts');
  const entry = join(folder, 'entry.ts');
  writeFileSync(
    entry,
    `import { openBrowser } from ${JSON.stringify(source)};
openBrowser(process.argv[2], process.env).then((result) => console.log(JSON.stringify(result)));`,
  );
  const bundle = await rolldown({ input: { main: entry }, platform: 'node', logLevel: 'silent' });
  await bundle.write({ dir: folder, format: 'cjs', minify: true, entryFileNames: 'main.cjs' });
  await bundle.close();
  return join(folder, 'main.cjs');
}
