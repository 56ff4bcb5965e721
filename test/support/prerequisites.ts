import { spawnSync } from 'node:child_process';

const runs = (command: string, flag: string) =>
  spawnSync(command, [flag], { stdio: 'ignore' }).error === undefined;

/** Programs of the system that some tests need; those tests are skipped where one is missing. */
export const hasOpenssl = runs('openssl', 'version');
export const hasTinyproxy = runs('tinyproxy', '-v');
export const hasKeyring = runs('dbus-daemon', '--version') && runs('gnome-keyring-daemon', '--version');
export const hasSecretTool = runs('secret-tool', '--version');
export const hasUnzip = runs('unzip', '-v');
export const isLinux = process.platform === 'linux';
