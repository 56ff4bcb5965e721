import { execFile, spawn } from 'node:child_process';
import { promisify, stripVTControlCharacters } from 'node:util';

/**
 * Runs a command to its end, at most `ms` milliseconds, and gives what it printed on stdout. It has no stdin.
 * Rejects, with the last lines printed, where the command ends badly, or without having printed, on either stream,
 * what `expected`, a regular expression, asks for.
 */
export async function run(command, args, { env, cwd, ms = 60_000, expected = /^/ }) {
  const started = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  started.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  const output = await ended(started, ms);
  if (!expected.test(output)) throw new Error(`did not print ${expected}: ${lastLines(output)}`);
  return stdout;
}

/**
 * Starts a program that speaks JSON, one message a line, hands `talk` a function that sends a request and gives its
 * result, and ends the program when `talk` is done.
 */
export async function converse(command, args, { env, cwd, ms = 60_000 }, talk) {
  const child = spawn(command, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const end = ended(child, ms);
  const waiting = new Map();
  let rest = '';
  child.stdin.on('error', () => {});
  child.stdout.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const { id, result, error } = parse(line);
      waiting.get(id)?.(error === undefined ? result : Promise.reject(new Error(JSON.stringify(error))));
      waiting.delete(id);
    }
  });
  const send = (message) => child.stdin.write(`${JSON.stringify(message)}\n`);
  let id = 0;
  const request = (method, params) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      send({ id, method, params });
    });
  const early = end.then((output) => Promise.reject(new Error(`ended too early: ${lastLines(output)}`)));
  try {
    return await Promise.race([talk(request, (method) => send({ method })), early]);
  } finally {
    child.stdin.end();
    setTimeout(() => child.kill(), 1000).unref();
    await end.catch(() => {});
  }
}

/** Every running process, as `[pid, command line]`. Empty where there is no `ps`. */
export async function processes() {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,args=']).catch(() => ({
    stdout: '',
  }));
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+) (.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, args]) => [Number(pid), args]);
}

function ended(child, ms) {
  return new Promise((resolve, reject) => {
    let output = '';
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const plain = stripVTControlCharacters(output);
      if (code === 0) resolve(plain);
      else reject(new Error(`ended with ${code ?? signal}: ${lastLines(plain)}`));
    });
  });
}

function lastLines(output) {
  return output.trim().split('\n').slice(-5).join(' | ').slice(-600);
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}
