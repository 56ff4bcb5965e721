// Every process that the bench starts, so that none outlives it, and what the system says about each.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

export const HAS_PROC = existsSync('/proc/self/smaps_rollup');

const running = new Set();
const folders = [];
let started = 0;

process.on('exit', () => {
  for (const child of running) kill(child);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** A new folder that is gone when the bench ends. */
export function makeFolder(prefix) {
  const folder = mkdtempSync(prefix);
  folders.push(folder);
  return folder;
}

export const temporaryFolder = makeFolder(join(tmpdir(), 'drawbridge-bench-'));

export function kill(child) {
  try {
    if (child.ownGroup) process.kill(-child.pid, 'SIGKILL');
    else child.kill('SIGKILL');
  } catch {
    // Gone already.
  }
}

/**
 * Starts a program with pipes. Its stderr goes to a file: a pipe would have to be read, which costs the bench
 * the more, the more a program logs. `ownGroup` is for programs that start others, such as npm.
 */
export function start(command, args, { env, cwd, ownGroup = false, shell = false } = {}) {
  started += 1;
  const errorLog = join(temporaryFolder, `stderr-${started}.log`);
  const errorFd = openSync(errorLog, 'w');
  const detached = ownGroup && process.platform !== 'win32';
  const child = spawn(command, args, { env, cwd, shell, detached, stdio: ['pipe', 'pipe', errorFd] });
  closeSync(errorFd);
  child.ownGroup = detached;
  running.add(child);
  child.ended = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, reason: error.message }));
    child.once('exit', (code, signal) => resolve({ code, reason: `ended with ${signal ?? `code ${code}`}` }));
  }).finally(() => running.delete(child));
  child.lastError = () => {
    const lines = readFileSync(errorLog, 'utf8').trim().split('\n');
    // Of a crash report the line that names the error, and not the version of Node at its end.
    return (lines.find((line) => /^\w*Error\b.*:/.test(line)) ?? lines.at(-1)).slice(0, 300);
  };
  child.stdin.on('error', () => {});
  return child;
}

/** Ends a bridge as a client does, by closing its stdin: a program may keep what it learned for its next start. */
export async function stop(child, graceMs = 1500) {
  child.stdin.end();
  const timer = setTimeout(kill, graceMs, child);
  await child.ended;
  clearTimeout(timer);
}

/** Runs a program to its end and returns what it printed. */
async function run(command, args, options) {
  const child = start(command, args, { ...options, ownGroup: true });
  child.stdin.end();
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const timer = setTimeout(kill, 120_000, child);
  const { code, reason } = await child.ended;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${reason}: ${child.lastError()}`);
  return Buffer.concat(chunks).toString();
}

/** npm, by the copy that runs this script where there is one. */
export function npm(args, cwd) {
  const script = process.env.npm_execpath;
  if (script) return run(process.execPath, [script, ...args], { cwd });
  return run('npm', args, { cwd, shell: process.platform === 'win32' });
}

async function megabytes(path, names) {
  const text = await readFile(path, 'utf8');
  return names.map((name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]) / 1024);
}

/** Resident, proportional and private memory, in MiB; undefined where the system doesn't tell. */
export async function memory(pid) {
  if (!HAS_PROC) return undefined;
  const names = ['Rss', 'Pss', 'Private_Clean', 'Private_Dirty'];
  const [rss, pss, clean, dirty] = await megabytes(`/proc/${pid}/smaps_rollup`, names);
  return { rss, pss, own: clean + dirty };
}

export async function peakMemory(pid) {
  return HAS_PROC ? (await megabytes(`/proc/${pid}/status`, ['VmHWM']))[0] : undefined;
}

/**
 * CPU time used so far, in ms, and whether the clock is exact. schedstat counts nanoseconds for each thread; where the kernel keeps none, the
 * ticks of `stat` are 10 ms.
 */
export async function cpuTime(pid) {
  if (!HAS_PROC) return undefined;
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    threads.map(async (thread) => {
      const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
      return Number(text.split(' ')[0]) / 1e6;
    }),
  );
  const total = times.reduce((sum, time) => sum + time, 0);
  if (total > 0) return { ms: total, exact: true };
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14);
  return { ms: (Number(user) + Number(system)) * 10, exact: false };
}
