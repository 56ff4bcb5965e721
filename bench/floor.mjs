// The least that a bridge on Node can be: no SDK, no sign-in, no recovery, no checks. It is what the others are
// measured against, so it is written for speed and it trusts the bench server; do not use it for anything.
import http from 'node:http';

const url = new URL(process.argv[2]);
const agent = new http.Agent({ keepAlive: true });
const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

// Everything that is ready in one turn of the loop goes out with one write.
function print(pieces) {
  if (!process.stdout.writableCorked) {
    process.stdout.cork();
    setImmediate(() => process.stdout.uncork());
  }
  for (const piece of pieces) process.stdout.write(piece);
}

// Calls back with each line as the list of its pieces, which are views of the chunks: nothing is joined.
function eachLine(stream, callback) {
  let pieces = [];
  stream.on('data', (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      pieces.push(chunk.subarray(start, end + 1));
      callback(pieces);
      pieces = [];
      start = end + 1;
    }
    if (start < chunk.length) pieces.push(start === 0 ? chunk : chunk.subarray(start));
  });
}

function readEvents(response) {
  eachLine(response, (pieces) => {
    // A chunk may end within the field's name; such a line, one in many, is joined after all.
    const [first, ...rest] = pieces[0].length < 6 ? [Buffer.concat(pieces)] : pieces;
    if (first.toString('latin1', 0, 6) === 'data: ') print([first.subarray(6), ...rest]);
  });
}

function receive(response) {
  const session = response.headers['mcp-session-id'];
  if (session) headers['mcp-session-id'] = session;
  if (response.headers['content-type'] === 'text/event-stream') return readEvents(response);
  const chunks = [];
  response.on('data', (chunk) => chunks.push(chunk));
  response.on('end', () => chunks.length > 0 && print([...chunks, '\n']));
}

function request(method, body = []) {
  const length = body.reduce((sum, piece) => sum + piece.length, 0);
  const framing = length > 0 ? { 'content-length': length } : {};
  const outgoing = http.request(url, { method, agent, headers: { ...headers, ...framing } }, receive);
  for (const piece of body) outgoing.write(piece);
  outgoing.end();
}

eachLine(process.stdin, (pieces) => {
  request('POST', pieces);
  if (pieces[0].includes('"notifications/initialized"')) {
    headers['mcp-protocol-version'] = '2025-11-25';
    request('GET');
  }
});
process.stdin.on('end', () => process.exit(0));
