import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const MAX_BODY = 1024 * 1024;

/** One request that came in. */
export interface LogEntry {
  method: string;
  path: string;
  /** What it was about: the method of a JSON-RPC message, the grant type of a token request. */
  about?: string;
}

export interface Incoming {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  body: string;
  entry: LogEntry;
}

/** An HTTP server on a free port of 127.0.0.1. Requests are noted in a log that several of them may share. */
export class LoopbackListener {
  readonly origin: string;
  /** Answers the requests; set before the first one can come. */
  handler: ((incoming: Incoming) => void | Promise<void>) | undefined;
  readonly #server: Server;

  static async start(log: LogEntry[]): Promise<LoopbackListener> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return new LoopbackListener(server, log);
  }

  private constructor(server: Server, log: LogEntry[]) {
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.origin = `http://${host}`;
    this.#server = server;
    server.on('request', async (request, response) => {
      // A page elsewhere whose name was made to point at this machine sends another Host (DNS rebinding).
      if (request.headers.host !== host) return void response.writeHead(421).end();
      const url = new URL(request.url ?? '/', this.origin);
      const entry: LogEntry = { method: request.method ?? '', path: url.pathname };
      log.push(entry);
      try {
        const body = await readBody(request);
        if (body === undefined) return void response.writeHead(413, { connection: 'close' }).end();
        await this.handler?.({ request, response, url, body, entry });
      } catch {
        if (!response.headersSent) response.writeHead(500);
        response.end();
      }
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
