import { describe, expect, test } from 'vitest';
import { judgeSurroundings, type Surroundings } from '../../../../src/cli/login/interactivity.ts';

const judge = (more: Partial<Surroundings> = {}, files: string[] = []) =>
  judgeSurroundings({
    platform: 'linux',
    release: '6.8.0-generic',
    env: {},
    isStdinTerminal: true,
    isStderrTerminal: true,
    exists: (path) => files.includes(path),
    ...more,
  });
const on = (env: NodeJS.ProcessEnv, more: Partial<Surroundings> = {}, files: string[] = []) =>
  judge({ env, ...more }, files);
const display = { DISPLAY: ':0' };
const ssh = { SSH_CONNECTION: '192.0.2.1 50000 192.0.2.2 22' };

describe('where the program runs', () => {
  test.each<[string, ReturnType<typeof judge>, string, RegExp | undefined]>([
    ['a desktop', on(display), 'desktop', undefined],
    ['Wayland', on({ WAYLAND_DISPLAY: 'wayland-0' }), 'desktop', undefined],
    ['a console', on({}), 'desktop', /no display/],
    ['macOS', on({}, { platform: 'darwin' }), 'desktop', undefined],
    ['Windows', on({}, { platform: 'win32' }), 'desktop', undefined],
    ['SSH', on(ssh), 'ssh', /over SSH/],
    ['SSH by its terminal', on({ SSH_TTY: '/dev/pts/1' }), 'ssh', /over SSH/],
    ['SSH with a display', on({ ...ssh, ...display }), 'ssh', undefined],
    ['SSH to macOS', on(ssh, { platform: 'darwin' }), 'ssh', /over SSH/],
    ['SSH to Windows', on(ssh, { platform: 'win32' }), 'ssh', /over SSH/],
    ['SSH from an editor that opens pages', on({ ...ssh, BROWSER: 'open-it' }), 'ssh', undefined],
    ['SSH into WSL', on({ ...ssh, WSL_DISTRO_NAME: 'Debian' }), 'ssh', /over SSH/],
    ['WSL', on({ WSL_DISTRO_NAME: 'Ubuntu' }), 'wsl', undefined],
    ['WSL by its kernel', on({}, { release: '5.15.0-microsoft-standard-WSL2' }), 'wsl', undefined],
    ['Docker', on({}, {}, ['/.dockerenv']), 'container', /container without a display/],
    ['Docker on WSL', on({}, { release: '5.15-microsoft' }, ['/.dockerenv']), 'container', /container/],
    ['Docker with a display', on(display, {}, ['/.dockerenv']), 'container', undefined],
    ['Podman', on({}, {}, ['/run/.containerenv']), 'container', /container/],
    ['a dev container', on({ REMOTE_CONTAINERS: 'true' }), 'container', /container/],
    ['Codespaces over SSH', on({ CODESPACES: 'true', ...ssh }), 'container', /container/],
    [
      'a dev container with a helper',
      on({ REMOTE_CONTAINERS: 'true', BROWSER: 'x' }),
      'container',
      undefined,
    ],
    ['CI', on({ CI: 'true', ...display }), 'ci', /CI job/],
    ['CI on macOS', on({ CI: '1' }, { platform: 'darwin' }), 'ci', /CI job/],
    ['CI with a browser of its own', on({ CI: '1', BROWSER: 'x' }), 'ci', undefined],
    ['no CI', on({ CI: 'false', ...display }), 'desktop', undefined],
  ])('%s', (_, found, place, noBrowser) => {
    expect(found.place).toBe(place);
    if (noBrowser) expect(found.noBrowser).toMatch(noBrowser);
    else expect(found.noBrowser).toBeUndefined();
  });
});

describe('who is there', () => {
  test.each<[Partial<Surroundings>, boolean, boolean]>([
    [{}, true, true],
    [{ isStdinTerminal: false }, true, false],
    [{ isStderrTerminal: false }, true, true],
    [{ isStdinTerminal: false, isStderrTerminal: false }, false, false],
    [{ env: { CI: 'true' } }, false, false],
  ])('%j', (more, isAttended, canAnswer) => {
    expect(judge(more)).toMatchObject({ isAttended, canAnswer });
  });
});
