// A session bus with an unlocked gnome-keyring for the bench alone, where both are installed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from './processes.mjs';

const isInstalled = (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined;

/** Why there can be no keyring here; undefined where there can. */
export const whyNoKeyring = ['dbus-daemon', 'gnome-keyring-daemon'].every(isInstalled)
  ? undefined
  : 'dbus-daemon or gnome-keyring-daemon is not installed';

let running;

/** The environment in which the keyring is found; started with the first call, ended with the bench. */
export function keyring() {
  running ??= startKeyring();
  return running;
}

async function startKeyring() {
  const folder = join(temporaryFolder, 'keyring');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = join(folder, 'bus.conf');
  writeFileSync(
    config,
    `<busconfig><type>session</type><listen>unix:path=${join(folder, 'bus')}</listen><policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`,
  );
  const env = { PATH: process.env.PATH, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: folder };
  const bus = spawn('dbus-daemon', [`--config-file=${config}`, '--print-address', '--nofork'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [address] = await once(createInterface({ input: bus.stdout }), 'line');
  const found = { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: folder };
  const daemon = spawn('gnome-keyring-daemon', ['--foreground', '--components=secrets', '--unlock'], {
    env: { ...env, ...found },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  daemon.stdin.end('bench');
  process.on('exit', () => {
    daemon.kill('SIGKILL');
    bus.kill('SIGKILL');
  });
  await sleep(1_000);
  return found;
}
