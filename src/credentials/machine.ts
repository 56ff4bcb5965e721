import { readFileSync } from 'node:fs';

/** Where systems keep an id of this machine's: systemd, D-Bus, FreeBSD. */
const files = ['/etc/machine-id', '/var/lib/dbus/machine-id', '/etc/hostid'];

/** An id of this machine that stays; undefined where the system has none that can be read without asking a program. */
export function machineId(paths: readonly string[] = files): string | undefined {
  for (const path of paths) {
    try {
      const id = readFileSync(path, 'latin1').trim();
      // An image of a system has "uninitialized", or nothing, there.
      if (/^[0-9a-fA-F-]{16,}$/.test(id)) return id;
    } catch {
      // The next one, then.
    }
  }
  return undefined;
}
