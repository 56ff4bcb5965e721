import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { seal, storeKey } from '../../src/credentials/sealed-file.ts';
import { CredentialStore } from '../../src/credentials/store.ts';
import { bundleProgram } from '../support/bundle.ts';
import { type BreakingPoint, GIVEN_KEY, RECORD, stateAfter, steps } from '../support/store-life.ts';
import { makeTempFolder, tempFolder } from '../support/temp-folder.ts';

let program: string;
beforeAll(async () => {
  const folder = makeTempFolder();
  program = await bundleProgram('broken-off-program.ts', folder);
  return () => rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  /** How many steps were done. */
  done: number;
  /** Where it came to the end: how many calls it made, and which of them write. */
  calls: number;
  writes: number[];
  signal: string | null;
}

/** Runs the steps in a process. */
async function run(folder: string, point?: BreakingPoint): Promise<Outcome> {
  const child = spawn(process.execPath, [program, JSON.stringify({ folder, point })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [, signal] = (await once(child, 'close')) as [number, string | null];
  const [end = '{"calls":0,"writes":[]}'] = /^\{.*\}$/m.exec(output) ?? [];
  return { done: output.match(/^\d+$/gm)?.length ?? 0, signal, ...JSON.parse(end) };
}

/** In memory where that can be had: a disk that is slow to sync makes no difference to a process that is killed. */
function quickFolder(): string {
  if (!existsSync('/dev/shm')) return tempFolder();
  const folder = mkdtempSync('/dev/shm/drawbridge-test-');
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A store as version 1 of the key file had it, with one record. */
function oldStore(folder: string): void {
  const key = storeKey(Buffer.alloc(32, 3));
  mkdirSync(join(folder, 'connections'), { recursive: true, mode: 0o700 });
  const content = { version: 1, kid: key.kid, holder: 'file', key: key.bytes.toString('base64') };
  writeFileSync(join(folder, 'key.json'), JSON.stringify(content), { mode: 0o600 });
  const name = join(folder, 'connections', `${RECORD}.sealed`);
  // The id as CredentialStore makes it of kind and record.
  writeFileSync(name, seal(Buffer.from('100'), recordId(), 5, key), { mode: 0o600 });
}

/** Under which id a store seals the record of the kind `connection`. */
function recordId(): string {
  return JSON.parse(headerOf(referenceRecord)).rec;
}
let referenceRecord: Buffer;
beforeAll(async () => {
  const folder = makeTempFolder();
  await CredentialStore.open(folder).write('connection', RECORD, 1, 0);
  referenceRecord = readFileSync(join(folder, 'connections', `${RECORD}.sealed`));
  rmSync(folder, { recursive: true });
});
const headerOf = (file: Buffer): string => file.subarray(8, 8 + file.readUInt16BE(6)).toString('utf8');

/** What a store holds, and whether it can be written; what a killed process has left is gone after a day. */
async function examine(folder: string): Promise<Record<string, unknown>> {
  const settings = { choice: 'auto', secret: GIVEN_KEY } as const;
  const warnings: string[] = [];
  const log = { warn: (event: string) => void warnings.push(event) };
  const store = CredentialStore.open(folder, { settings, log });
  const connection = store.read<number>('connection', RECORD);
  const client = store.read<number>('client', RECORD);
  const yesterday = Date.now() / 1000 - 25 * 3600;
  const leftovers = (): string[] =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
          /\.(tmp|corrupt)-/.test(name),
        )
      : [];
  for (const name of leftovers()) utimesSync(join(folder, name), yesterday, yesterday);
  await store.write('connection', RECORD, -1, connection?.generation ?? 0);
  await store.write('client', RECORD, -1, client?.generation ?? 0);
  expect(leftovers()).toEqual([]);
  expect(warnings).toEqual([]);
  return { connection: connection?.value, client: client?.value };
}

describe.skipIf(process.platform === 'win32')(
  'a process that is killed at any call that changes the disk [T54, 121]',
  () => {
    let points = 0;

    test.each([
      ['from the first write on', () => {}, {}],
      ['with a key file of version 1', oldStore, { connection: 100 }],
    ] as const)(
      '%s leaves each record old or new, and whole',
      async (_, prepare, before) => {
        const template = join(tempFolder(), 'template');
        prepare(template);
        const fresh = (): string => {
          const folder = join(quickFolder(), 'state');
          if (existsSync(template)) cpSync(template, folder, { recursive: true });
          return folder;
        };
        const { calls, writes, done } = await run(fresh());
        expect(done).toBe(steps.length);
        const all = [
          ...Array.from({ length: calls }, (_each, call): BreakingPoint => ({ call, when: 'before' })),
          ...Array.from({ length: calls }, (_each, call): BreakingPoint => ({ call, when: 'after' })),
          ...writes.map((call): BreakingPoint => ({ call, when: 'half' })),
        ];
        const work = all.values();
        const worker = async (): Promise<void> => {
          for (const point of work) {
            const folder = fresh();
            const { done: finished, signal } = await run(folder, point);
            expect(signal, JSON.stringify(point)).toBe('SIGKILL');
            const found = await examine(folder);
            const possible = [finished, finished + 1].map((count) => {
              const { connection, client } = stateAfter(count, before);
              return { connection, client };
            });
            expect(possible, JSON.stringify(point)).toContainEqual(found);
            rmSync(folder, { recursive: true, force: true });
            points++;
          }
        };
        await Promise.all([worker(), worker(), worker()]);
      },
      90_000,
    );

    test('that is at more than 500 points', () => {
      expect(points).toBeGreaterThanOrEqual(500);
    });
  },
);
