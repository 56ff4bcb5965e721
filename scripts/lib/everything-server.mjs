import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const require = createRequire(import.meta.url);

/** Starts the reference server "everything" over Streamable HTTP on a free port: its URL, and how to end it. */
export async function startEverything() {
  const manifest = require.resolve('@modelcontextprotocol/server-everything/package.json');
  const file = join(dirname(manifest), 'dist', 'index.js');
  const port = await freePort();
  const env = { ...process.env, PORT: String(port) };
  const child = spawn(process.execPath, [file, 'streamableHttp'], { env, stdio: 'ignore' });
  const close = () => child.kill('SIGKILL');
  process.once('exit', close);
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries === 100) throw new Error('the server does not start');
    await delay(100);
  }
  return { url: `http://127.0.0.1:${port}/mcp`, close };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
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
