import { appendFileSync } from 'node:fs';
import { CredentialStore, GenerationConflict, type Kind } from '../../src/credentials/store.ts';
import { DrawbridgeError } from '../../src/errors.ts';
import type { JsonValue } from '../../src/jsonrpc.ts';
import type { StoreSettings } from '../../src/settings.ts';

/** What a process of the tests does with a store: the name of the work, then its arguments. It speaks JSON lines. */
const work: Record<string, (store: CredentialStore, ...args: string[]) => Promise<void>> = {
  /** Adds one to a counter, `times` times, whoever else does. */
  async count(store, kind, id, times) {
    for (let n = 0; n < Number(times); ) {
      const stored = store.read<number>(kind as Kind, id as string);
      try {
        await store.write(kind as Kind, id as string, (stored?.value ?? 0) + 1, stored?.generation ?? 0);
        n++;
      } catch (error) {
        if (!(error instanceof GenerationConflict)) throw error;
      }
    }
    say('done');
  },
  async write(store, kind, id, value, expected) {
    say(await store.write(kind as Kind, id as string, JSON.parse(value as string), Number(expected)));
  },
  async read(store, kind, id) {
    say(store.read<JsonValue>(kind as Kind, id as string)?.value ?? null);
  },
  async describe(store) {
    say({ ...store.describeKeyHolder() });
  },
  /** Enters a section that only one may be in, `times` times, and notes so in a file. */
  async enter(store, lock, times, notes) {
    for (let n = 0; n < Number(times); n++) {
      const held = await store.lock(lock as string, 30_000);
      if (held === undefined) throw new Error('waited 30 s in vain');
      appendFileSync(notes as string, `in ${process.pid}\n`);
      await new Promise((resolve) => setTimeout(resolve, 2));
      appendFileSync(notes as string, `out ${process.pid}\n`);
      await held.release();
    }
    say('done');
  },
  /** Takes a lock, announces, and stays. */
  async hold(store, lock, patience, announced) {
    const held = await store.lock(lock as string, Number(patience));
    if (held && announced) held.announce(JSON.parse(announced));
    say(held ? 'held' : 'not held');
    setInterval(() => {}, 1000);
  },
  async follow(store, lock) {
    const holder = await store.follow(lock as string);
    say(holder ? { announced: holder.announced ?? null } : 'nobody');
    holder?.onAnnounced((announced) => say({ announced }));
    await holder?.gone;
    say('gone');
  },
};

function say(value: JsonValue): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function main(): Promise<void> {
  const { uid, umask, folder, task, settings } = JSON.parse(process.argv[2] as string) as {
    settings?: StoreSettings;
    uid?: number;
    umask?: number;
    folder: string;
    task: [string, ...string[]];
  };
  if (umask !== undefined) process.umask(umask);
  if (uid !== undefined) process.seteuid?.(uid);
  const [name, ...args] = task;
  try {
    const start = performance.now();
    const log = { warn: (message: string) => void process.stderr.write(`${message}\n`) };
    const store = CredentialStore.open(folder, { settings, log });
    // The longest that the event loop was not to be had.
    let stall = 0;
    let last = start;
    const timer = setInterval(() => {
      stall = Math.max(stall, performance.now() - last);
      last = performance.now();
    }, 5);
    if (name === 'time') {
      const failure = await store.unlock().catch((error: DrawbridgeError) => error.message);
      clearInterval(timer);
      say({ took: performance.now() - start, stall, failure: failure ?? null });
      return;
    }
    clearInterval(timer);
    await store.unlock();
    if (name === 'warm') {
      store.read(args[0] as Kind, args[1] as string);
      return say(performance.now() - start);
    }
    await work[name]?.(store, ...args);
  } catch (error) {
    if (!(error instanceof DrawbridgeError)) throw error;
    say({ reason: error.reason, message: error.message });
  }
}

void main();
