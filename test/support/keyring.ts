import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { BusConnection, socketPath } from '../../src/credentials/dbus.ts';
import { SecretService } from '../../src/credentials/secret-service.ts';
import { tempFolder } from './temp-folder.ts';
import { until, within } from './wait.ts';

/** What a program needs to find the session bus and its keyring. */
export type BusEnvironment = Record<string, string>;

export interface Keyring {
  env: BusEnvironment;
  /** Where its files are, for another session with them. */
  state: string;
  stop(): Promise<void>;
}

const PASSWORD = 'test-password';

/**
 * A session of its own with gnome-keyring, gone when the test ends.
 *
 * @param state the files of an earlier one
 * @param isLocked nobody has entered the password; there is no display to ask for it on
 */
export async function startKeyring({ state = tempFolder(), isLocked = false } = {}): Promise<Keyring> {
  const folder = tempFolder();
  const env: BusEnvironment = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    XDG_RUNTIME_DIR: folder,
    XDG_DATA_HOME: join(state, 'data'),
    DISPLAY: '',
  };
  mkdirSync(env.XDG_DATA_HOME as string, { recursive: true });
  const bus = spawn('dbus-daemon', [`--config-file=${busConfig(folder)}`, '--print-address', '--nofork'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [address] = (await within(
    once(createInterface({ input: bus.stdout }), 'line'),
    5_000,
    () => 'no bus starts',
  )) as [string];
  env.DBUS_SESSION_BUS_ADDRESS = address;
  const daemon = spawn(
    'gnome-keyring-daemon',
    ['--foreground', '--components=secrets', ...(isLocked ? [] : ['--unlock'])],
    { env, stdio: ['pipe', 'ignore', 'ignore'] },
  );
  daemon.stdin.on('error', () => {});
  daemon.stdin.end(isLocked ? '' : PASSWORD);
  await waitForService(address);
  // The name is there before the keyring is open: what comes in between finds it locked.
  if (!isLocked) {
    const service = new SecretService(env, 3_000);
    const isOpen = (): Promise<boolean> =>
      service.check().then(
        () => true,
        () => false,
      );
    await until('the open keyring', isOpen);
  }
  const stop = async (): Promise<void> => {
    await Promise.all([end(daemon), end(bus)]);
  };
  onTestFinished(stop);
  const { PATH: _path, HOME: _home, ...rest } = env;
  return { env: rest, state, stop };
}

/** A session bus that nobody is on. */
export async function startEmptyBus(): Promise<BusEnvironment> {
  const folder = tempFolder();
  const bus = spawn('dbus-daemon', [`--config-file=${busConfig(folder)}`, '--print-address', '--nofork'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => end(bus));
  const [address] = (await within(
    once(createInterface({ input: bus.stdout }), 'line'),
    5_000,
    () => 'no bus starts',
  )) as [string];
  return { DBUS_SESSION_BUS_ADDRESS: address };
}

/** A bus that lets everyone connect and never says a word. */
export async function startSilentBus(): Promise<BusEnvironment> {
  const path = join(tempFolder(), 'bus');
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` };
}

/** Runs secret-tool, another program's view of the keyring. @returns what it prints */
export async function secretTool(env: BusEnvironment, args: string[], input = ''): Promise<string> {
  const child = spawn('secret-tool', args, {
    env: { ...env, PATH: process.env.PATH },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  await within(once(child, 'close'), 10_000, () => 'secret-tool hangs');
  return output;
}

/** A bus that starts no service by itself: a keyring that it started would be locked. */
function busConfig(folder: string): string {
  const path = join(folder, 'bus.conf');
  writeFileSync(
    path,
    `<busconfig><type>session</type><listen>unix:path=${folder}/bus</listen>
     <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>
     </busconfig>`,
  );
  return path;
}

/** Until the daemon has its name on the bus. */
async function waitForService(address: string): Promise<void> {
  const bus = new BusConnection(socketPath(address) as string);
  await until('gnome-keyring', () =>
    bus
      .call({
        destination: 'org.freedesktop.DBus',
        path: '/org/freedesktop/DBus',
        interface: 'org.freedesktop.DBus',
        member: 'GetNameOwner',
        signature: 's',
        body: (writer) => writer.string('org.freedesktop.secrets'),
      })
      .then(() => true)
      .catch(() => false),
  );
  bus.close(new Error('done'));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
