import { expect, test } from 'vitest';
import { whyAutomatic } from '../../../../src/cli/demo/approval.ts';

const desktop = { DISPLAY: ':0' };

test.each([
  [true, desktop, true, /--auto-approve/],
  [false, { ...desktop, CI: 'true' }, true, /CI/],
  [false, desktop, false, /nobody is at a terminal/],
  [false, {}, true, /no browser/],
  [false, { SSH_CONNECTION: '192.0.2.1 1 192.0.2.2 22' }, true, /remote/],
] as const)('auto-approve %s, environment %j, terminal %s: by itself', (auto, env, isTerminal, why) => {
  expect(whyAutomatic(auto, env, isTerminal, 'linux')).toMatch(why);
});

test.each([
  [desktop, 'linux'],
  [{ WAYLAND_DISPLAY: 'wayland-0' }, 'linux'],
  [{ WSL_DISTRO_NAME: 'Debian' }, 'linux'],
  [{ BROWSER: '/usr/bin/w3m' }, 'linux'],
  [{}, 'darwin'],
  [{}, 'win32'],
  [{ CI: 'false' }, 'darwin'],
] as const)('a person at a terminal of %j on %s: in the browser', (env, platform) => {
  expect(whyAutomatic(false, env, true, platform)).toBeUndefined();
});
