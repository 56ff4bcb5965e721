import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ChildServer } from './child-server.ts';
import { freePort } from './free-port.ts';

export interface Everything {
  url: string;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** The reference server "everything" over Streamable HTTP, or over the HTTP+SSE transport of 2024-11-05. */
export async function startEverything(transport: 'streamableHttp' | 'sse'): Promise<Everything> {
  const manifest = createRequire(import.meta.url).resolve(
    '@modelcontextprotocol/server-everything/package.json',
  );
  const port = await freePort();
  const file = join(dirname(manifest), 'dist', 'index.js');
  const server = new ChildServer(port, process.execPath, [file, transport], { PORT: String(port) });
  await server.start();
  return {
    url: `http://127.0.0.1:${port}/${transport === 'sse' ? 'sse' : 'mcp'}`,
    restart: () => server.restart(),
    close: () => server.close(),
  };
}
