// The same calls without a bridge: one keep-alive agent and the same thrift as the client on stdio. What it
// measures is the remote and the loopback; a bridge's own share is what comes on top.
import { Agent, request as httpRequest } from 'node:http';
import { initializeParams, SMALL } from './messages.mjs';

export class DirectClient {
  #url;
  #agent = new Agent({ keepAlive: true });
  #headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  #lastId = 0;
  #stream;
  #awaited;

  constructor(url) {
    this.#url = new URL(url);
  }

  nextId() {
    this.#lastId += 1;
    return this.#lastId;
  }

  request(method, params) {
    const id = this.nextId();
    return this.requestBytes(id, [Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params }))]);
  }

  requestBytes(_id, pieces) {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const headers = { ...this.#headers, 'content-length': length };
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(this.#url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        const session = response.headers['mcp-session-id'];
        if (session) this.#headers = { ...this.#headers, 'mcp-session-id': session };
        const chunks = [];
        let received = 0;
        response.on('data', (chunk) => {
          received += chunk.length;
          if (received <= SMALL) chunks.push(chunk);
        });
        response.on('end', () => resolve({ result: received <= SMALL && parse(chunks), length: received }));
        response.on('error', reject);
      });
      outgoing.on('error', reject);
      for (const piece of pieces) outgoing.write(piece);
      outgoing.end();
    });
  }

  async initialize() {
    await this.request('initialize', initializeParams);
    await new Promise((resolve, reject) => {
      const headers = { ...this.#headers, accept: 'text/event-stream' };
      const outgoing = httpRequest(this.#url, { agent: this.#agent, headers }, (response) => {
        response.on('data', (chunk) => this.#awaited?.(chunk));
        resolve();
      });
      outgoing.on('error', reject);
      outgoing.end();
      this.#stream = outgoing;
    });
  }

  /** Resolves when that many log notifications have arrived on the GET stream. */
  notifications(count) {
    let lineEnds = 0;
    return new Promise((resolve) => {
      this.#awaited = (chunk) => {
        // An event of the bench server is three lines: event, data, and an empty one.
        for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lineEnds += 1;
        if (lineEnds === count * 3) resolve();
      };
    });
  }

  abort() {
    this.#agent.destroy();
  }

  async close() {
    this.#stream?.removeAllListeners('error').on('error', () => {});
    this.#stream?.destroy();
    this.#agent.destroy();
  }
}

function parse(chunks) {
  const text = Buffer.concat(chunks).latin1Slice();
  return JSON.parse(text.startsWith('event:') ? text.slice(text.indexOf('{')) : text).result;
}
