// The remote MCP server of the bench, in a process of its own. It does as little as it can, so that what is
// measured is the bridge: no schema, no SDK, answers prepared in advance. Prints its port, and ends with stdin.
import { createServer } from 'node:http';
import { authorize, isSignedIn, PROTECTED, refuse } from './authorization.mjs';
import { answerModern, MODERN } from './modern.mjs';

const SLICE = 64 * 1024;
// Nothing but an id and a method is needed of a large request, and they stand at one of its ends.
const ENDS = 1024;

const counters = { requests: 0, connections: 0, paths: {} };
let delay = 0;
let connectionDelay = 0;
let sessions = 0;
/** Bodies as they came, while they are wanted. */
let bodies = [];
let wanted = 0;
const streams = new Set();
const connectedAt = new WeakMap();

const texts = new Map();
function textOf(mebibytes) {
  let text = texts.get(mebibytes);
  if (!text) {
    // Already escaped for JSON: quotes and line ends occur in every real document.
    const sentence = 'The bridge said \\"cross\\" and a line ended here.\\n';
    text = Buffer.from(sentence.repeat(Math.ceil((mebibytes * 1024 * 1024) / sentence.length)));
    texts.set(mebibytes, text);
  }
  return text;
}

const notifications = new Map();
function flood(count) {
  if (!notifications.has(count)) notifications.set(count, prepareNotifications(count));
  for (const stream of streams) pump(stream, notifications.get(count));
}

function prepareNotifications(count) {
  return Buffer.from(
    Array.from({ length: count }, (_, index) => {
      const params = { level: 'info', logger: 'bench', data: `line ${index}` };
      const message = { jsonrpc: '2.0', method: 'notifications/message', params };
      return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
    }).join(''),
  );
}

function pump(response, bytes, from = 0) {
  let position = from;
  while (position < bytes.length) {
    const more = response.write(bytes.subarray(position, position + SLICE));
    position += SLICE;
    if (!more) {
      response.once('drain', () => pump(response, bytes, position));
      return;
    }
  }
}

function sendParts(response, parts, { sse, headers }) {
  const all = sse ? ['event: message\ndata: ', ...parts, '\n\n'] : parts;
  const type = sse ? 'text/event-stream' : 'application/json';
  const length = sse ? {} : { 'content-length': all.reduce((sum, part) => sum + Buffer.byteLength(part), 0) };
  response.writeHead(200, { 'content-type': type, ...length, ...headers });
  response.cork();
  for (const part of all) response.write(part);
  response.end();
  response.uncork();
}

function sendResult(response, id, result, options = {}) {
  sendParts(response, [JSON.stringify({ jsonrpc: '2.0', id, result })], options);
}

const tools = ['echo', 'big', 'flood', 'swallow'].map((name) => ({ name, inputSchema: { type: 'object' } }));

function callTool(response, id, { name, arguments: given = {} }) {
  const sse = given.as === 'sse';
  if (name === 'big') {
    const head = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"text","text":"`;
    sendParts(response, [head, textOf(given.mebibytes), '"}]}}'], { sse });
    return;
  }
  if (name === 'flood') flood(given.count);
  sendResult(response, id, { content: [{ type: 'text', text: given.text ?? '' }] }, { sse });
}

function answer(message, response) {
  const { id, method, params } = message;
  if (id === undefined) {
    response.writeHead(202).end();
  } else if (method === 'initialize') {
    const result = {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: {}, logging: {} },
      serverInfo: { name: 'bench', version: '1.0.0' },
    };
    sessions += 1;
    sendResult(response, id, result, { headers: { 'mcp-session-id': `bench-${sessions}` } });
  } else if (method === 'tools/list') {
    sendResult(response, id, { tools });
  } else if (method === 'tools/call') {
    callTool(response, id, params);
  } else if (method === 'ping') {
    sendResult(response, id, {});
  } else {
    const error = { code: -32601, message: 'Method not found' };
    sendParts(response, [JSON.stringify({ jsonrpc: '2.0', id, error })], {});
  }
}

function sendModern(request, response, body) {
  const { status, answer } = answerModern(request.headers, JSON.parse(body));
  if (!answer) {
    response.writeHead(status).end();
    return;
  }
  const text = JSON.stringify(answer);
  const length = Buffer.byteLength(text);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length }).end(text);
}

function receive(request, response, path) {
  const chunks = [];
  let length = 0;
  let first;
  let last;
  request.on('data', (chunk) => {
    length += chunk.length;
    first ??= chunk;
    last = chunk;
    if (length <= SLICE) chunks.push(chunk);
  });
  request.on('end', () => {
    if (length <= SLICE) {
      const body = Buffer.concat(chunks).toString();
      if (bodies.length < wanted) bodies.push(body);
      if (path === MODERN) sendModern(request, response, body);
      else answer(JSON.parse(body), response);
      return;
    }
    const ends = first.toString('latin1', 0, ENDS) + last.toString('latin1', Math.max(0, last.length - ENDS));
    const id = Number(/"id":(\d+)/.exec(ends)?.[1]);
    sendResult(response, id, { content: [{ type: 'text', text: String(length) }] });
  });
}

function openStream(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  streams.add(response);
  response.on('close', () => streams.delete(response));
}

function handle(request, response) {
  const [path] = request.url.split('?');
  if (path === PROTECTED && !isSignedIn(request)) refuse(request, response);
  else if (authorize(request, response)) return;
  else if (path !== '/mcp' && path !== PROTECTED && path !== MODERN) response.writeHead(404).end();
  else if (request.method === 'POST') receive(request, response, path);
  else if (path === MODERN) response.writeHead(405).end();
  else if (request.method === 'DELETE') response.writeHead(200).end();
  // As the SDK's server does; a stream left open here would keep a client that only asks waiting.
  else if (!request.headers['mcp-session-id']) response.writeHead(400).end();
  else openStream(response);
}

// Reads the counters; `?delay=` and `?connection-delay=` set both delays and start the counters anew. `?keep=` keeps as
// many bodies from now on, which `?bodies` reads.
function control(request, response) {
  const query = new URL(request.url, 'http://bench').searchParams;
  if (query.has('delay')) {
    delay = Number(query.get('delay'));
    connectionDelay = Number(query.get('connection-delay') ?? 0);
    Object.assign(counters, { requests: 0, connections: 0, paths: {} });
  }
  if (query.has('keep')) {
    wanted = Number(query.get('keep'));
    bodies = [];
  }
  const more = query.has('bodies') ? { bodies } : {};
  const body = JSON.stringify({ ...counters, streams: streams.size, ...more });
  response.writeHead(200, { 'content-type': 'application/json', connection: 'close' }).end(body);
}

const server = createServer((request, response) => {
  if (request.url.startsWith('/control')) {
    control(request, response);
    return;
  }
  counters.requests += 1;
  const path = `${request.method} ${request.url.split('?')[0]}`;
  counters.paths[path] = (counters.paths[path] ?? 0) + 1;
  if (delay === 0) {
    handle(request, response);
    return;
  }
  // A handshake takes a round trip too. A request that arrives while its connection would still be opening
  // waits for the rest of that, so a bridge that connects early gains here what it gains on a real line.
  const opening = Math.max(0, connectedAt.get(request.socket) + connectionDelay - performance.now());
  setTimeout(handle, delay + opening, request, response);
});
server.on('connection', (socket) => {
  connectedAt.set(socket, performance.now());
  counters.connections += 1;
});
// A connection closed between two measurements would be counted as the bridge's slowness.
server.keepAliveTimeout = 600_000;
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
process.stdin.on('end', () => process.exit(0)).resume();
