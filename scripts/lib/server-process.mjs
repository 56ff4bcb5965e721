import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const require = createRequire(import.meta.url);
const PATIENCE = 15_000;

/**
 * Starts a server on a free port, which it is told as PORT, and waits until it listens there.
 *
 * @param args the program's file and its arguments
 * @returns its port, and how to end it; it ends with this process at the latest
 */
export async function startServer(args, env = {}) {
  const port = await freePort();
  const settings = { ...process.env, PORT: String(port), ...(typeof env === 'function' ? env(port) : env) };
  const child = spawn(process.execPath, args, { env: settings, stdio: 'ignore' });
  const close = () => {
    process.off('exit', close);
    child.kill('SIGKILL');
  };
  process.once('exit', close);
  await listening(port, () => child.exitCode);
  return { port, close };
}

/** Starts the reference server "everything": its URL, and how to end it. */
export async function startEverything(transport = 'streamableHttp') {
  const manifest = require.resolve('@modelcontextprotocol/server-everything/package.json');
  const { port, close } = await startServer([join(dirname(manifest), 'dist', 'index.js'), transport]);
  return { url: `http://127.0.0.1:${port}/${transport === 'sse' ? 'sse' : 'mcp'}`, close };
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function listening(port, exitCode) {
  const end = performance.now() + PATIENCE;
  while (!(await answers(port))) {
    if (exitCode() !== null) throw new Error(`the server has ended with ${exitCode()}`);
    if (performance.now() > end) throw new Error('the server does not start');
    await delay(50);
  }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
