import type { lookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { NoAnswer, OAuthHttp, type OAuthRequest } from '../../../src/platform/oauth-http.ts';
import { freePort } from '../../support/free-port.ts';
import { Authority } from '../../support/tls.ts';
import { network } from '../helpers/oauth-parts.ts';

/** What the name server says; each answer is used once, the last one stays. */
const names = vi.hoisted(() => ({ answers: new Map<string, string[]>(), asked: [] as string[] }));

vi.mock('node:dns', async (original) => {
  const real = await original<{ lookup: typeof lookup }>();
  const scripted = (name: string, options: object, done: (...given: unknown[]) => void): void => {
    names.asked.push(name);
    const answers = names.answers.get(name);
    const address = answers && (answers.length > 1 ? answers.shift() : answers[0]);
    if (address === undefined)
      return (real.lookup as unknown as (...given: unknown[]) => void)(name, options, done);
    done(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
  };
  return { ...real, lookup: scripted, default: { ...real, lookup: scripted } };
});

const authority = new Authority();
afterAll(() => authority.close());

beforeEach(() => {
  names.answers.clear();
  names.asked.length = 0;
});

const local = new URL('http://127.0.0.1:1/mcp');
const remote = new URL('https://93.184.216.34/mcp');

/** An http server of the running test; `connections` counts whoever came as far as TCP. */
async function serve(listener: RequestListener, tls?: { key: string; cert: string }) {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const take: RequestListener = (request, response) => {
    requests.push(request);
    response.on('error', () => {});
    listener(request, response);
  };
  const server = tls ? createTlsServer(tls, take) : createServer(take);
  const served = { requests, connections: 0, port: 0, origin: '' };
  server.on('connection', (socket: Socket) => {
    served.connections++;
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  served.port = (server.address() as AddressInfo).port;
  served.origin = `${tls ? 'https' : 'http'}://127.0.0.1:${served.port}`;
  return served;
}

const get = (place: string, more: Partial<OAuthRequest> = {}, server = local) =>
  new OAuthHttp(server, network).request(new URL(place), { method: 'GET', timeout: 3000, ...more });

async function failureOf(answer: Promise<unknown>): Promise<NoAnswer> {
  const error = await answer.then(
    () => expect.unreachable(),
    (thrown) => thrown,
  );
  return error as NoAnswer;
}

describe('what is sent [9]', () => {
  test('only what belongs to the request: no credential, no cookie, no coding that could hide a bomb', async () => {
    const { origin, requests } = await serve((_request, response) => {
      response.setHeader('Set-Cookie', 'a=b').end('{}');
    });
    const http = new OAuthHttp(local, network);
    for (let round = 0; round < 2; round++)
      await http.request(new URL(`${origin}/x?y=z`), { method: 'GET', headers: { X: '1' }, timeout: 3000 });
    expect(requests.map(({ url }) => url)).toEqual(['/x?y=z', '/x?y=z']);
    expect(requests[1]?.headers).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'mcp-drawbridge',
      x: '1',
      host: origin.slice('http://'.length),
      connection: 'close',
    });
  });

  test('a body with its length', async () => {
    const bodies: string[] = [];
    const { origin, requests } = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (chunk) => bodies.push(chunk));
      request.on('end', () => response.end('{}'));
    });
    await get(origin, { method: 'POST', body: 'ä=1' });
    expect([requests[0]?.method, requests[0]?.headers['content-length'], bodies.join('')]).toEqual([
      'POST',
      '4',
      'ä=1',
    ]);
  });

  test.each([301, 302, 303, 307, 308])(
    'a redirect (%i) is handed on, not followed [12, 104]',
    async (status) => {
      const other = await serve((_request, response) => response.end('{}'));
      const { origin } = await serve((_request, response) => {
        response.writeHead(status, { Location: other.origin }).end();
      });
      const answer = await get(origin, { method: 'POST', body: 'refresh_token=secret' });
      expect([answer.status, answer.headers.location, other.connections]).toEqual([status, other.origin, 0]);
    },
  );
});

describe('what counts as an answer [13]', () => {
  const deep = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
  const answered = async (body: string | Buffer, headers: Record<string, string> = {}) => {
    const { origin } = await serve((_request, response) => response.writeHead(200, headers).end(body));
    return await get(origin);
  };

  test.each([
    ['{"a":[1,{"b":"c"}]}', { a: [1, { b: 'c' }] }],
    ['{}', {}],
    [deep(20), JSON.parse(deep(20))],
    // Brackets in a string nest nothing, whatever stands before its end.
    [`{"a":"${'[{'.repeat(50)}\\""}`, { a: `${'[{'.repeat(50)}"` }],
    ['{"a":"\\\\","b":"]"}', { a: '\\', b: ']' }],
  ])('%s', async (body, json) => {
    expect((await answered(body)).json).toEqual(json);
  });

  test.each([
    ['HTML', '<html>'],
    ['nothing', ''],
    ['an array', '[{"a":1}]'],
    ['null', 'null'],
    ['a number', '1'],
    ['a text', '"x"'],
    ['half of an object', '{"a":'],
    ['one level too many', deep(21)],
    ['10,000 levels (T11)', deep(10_000)],
    ['10,000 arrays', '['.repeat(10_000)],
  ])('%s is no object', async (_what, body) => {
    expect(await answered(body)).toMatchObject({ status: 200, json: undefined });
  });

  test('a text that takes long to read is read in a moment all the same', async () => {
    const before = performance.now();
    expect((await answered(`{"a":"${'\\"'.repeat(130_000)}`)).json).toBeUndefined();
    expect(performance.now() - before).toBeLessThan(1000);
  });

  test('T11: more than 256 KiB are not taken, and the rest is not read', async () => {
    let written = 0;
    const { origin } = await serve((_request, response) => {
      const write = (): void => {
        while (written < 300e6 && !response.destroyed) {
          written += 65_536;
          if (!response.write(Buffer.alloc(65_536, ' '))) return;
        }
      };
      response.on('drain', write);
      write();
    });
    const error = await failureOf(get(origin));
    expect(error).toMatchObject({ reason: 'too-large', sent: true, isUnusableAnswer: true });
    await delay(100);
    expect(written).toBeLessThan(30e6);
  });

  test('T11: what is packed is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, ' '));
    const error = await failureOf(answered(bomb, { 'Content-Encoding': 'gzip' }));
    expect(error).toMatchObject({ reason: 'invalid-answer', sent: true, isUnusableAnswer: true });
  });

  test('T11: a byte now and then does not prolong the deadline', async () => {
    const { origin } = await serve((_request, response) => {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    });
    const before = performance.now();
    const error = await failureOf(get(origin, { timeout: 300 }));
    expect(performance.now() - before).toBeLessThan(1500);
    expect(error).toMatchObject({ reason: 'timeout', sent: true, isUnusableAnswer: false });
    expect(error.message).toBe(`${origin} gave no answer within 0.3 s.`);
  });

  test('headers that are too large are none', async () => {
    const error = await failureOf(answered('{}', { X: 'x'.repeat(40_000) }));
    expect(error).toMatchObject({ reason: 'too-large', isUnusableAnswer: true });
  });

  test('what is no HTTP is none', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.end('SSH-2.0-x\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const error = await failureOf(get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
    expect(error).toMatchObject({ reason: 'invalid-answer', isUnusableAnswer: true });
  });
});

describe('where no answer came: whether the request may have had an effect [33, 67]', () => {
  test('refused: it had none', async () => {
    const error = await failureOf(get(`http://127.0.0.1:${await freePort()}/`));
    expect(error).toBeInstanceOf(NoAnswer);
    expect(error).toMatchObject({ reason: 'unreachable', sent: false, isUnusableAnswer: false });
  });

  test('dropped before the answer: it may have', async () => {
    const { origin } = await serve((request) => request.socket.destroy());
    expect(await failureOf(get(origin))).toMatchObject({ reason: 'unreachable', sent: true });
  });

  test('dropped in the middle of the answer: it may have', async () => {
    const { origin } = await serve((request, response) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('{"a":');
      setTimeout(() => request.socket.destroy(), 50);
    });
    expect(await failureOf(get(origin))).toMatchObject({ reason: 'unreachable', sent: true });
  });

  test('a certificate that is not trusted: it had none', async () => {
    const { origin, requests } = await serve(
      (_q, response) => response.end('{}'),
      authority.issue(['IP:127.0.0.1']),
    );
    expect(await failureOf(get(origin))).toMatchObject({ reason: 'tls-untrusted', sent: false });
    expect(requests).toEqual([]);
  });

  test('an https server that drops the request: it may have', async () => {
    const tls = authority.issue(['IP:127.0.0.1']);
    const { origin } = await serve((request) => request.socket.destroy(), tls);
    const { file } = authority;
    const ca = readFileSync(file, 'utf8');
    const http = new OAuthHttp(local, { ...network, ca });
    const error = await failureOf(http.request(new URL(origin), { method: 'GET', timeout: 3000 }));
    expect(error).toMatchObject({ reason: 'unreachable', sent: true });
  });
});

describe('T8: a public server names an address of this machine or network [10]', () => {
  const refusal = {
    reason: 'authorization-server',
    message: expect.stringContaining('nothing is sent there'),
  };

  test.each([
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '[::ffff:127.0.0.1]',
    '[::1]',
    '0177.0.0.1',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '192.168.0.1',
  ])('as %s: no connection is made', async (host) => {
    const { port, ...served } = await serve((_request, response) => response.end('{}'));
    await expect(get(`http://${host}:${port}/`, {}, remote)).rejects.toMatchObject(refusal);
    expect([served.connections, names.asked]).toEqual([0, []]);
  });

  test.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '::ffff:127.0.0.1', '::1'])(
    'as a name for %s: no connection is made',
    async (address) => {
      const served = await serve((_request, response) => response.end('{}'));
      names.answers.set('inside.example', [address]);
      await expect(get(`http://inside.example:${served.port}/`, {}, remote)).rejects.toMatchObject(refusal);
      expect([served.connections, names.asked]).toEqual([0, ['inside.example']]);
    },
  );

  test('through a proxy at least literals are refused [11]', async () => {
    const proxy = await serve((_request, response) => response.end('{}'));
    const env = { HTTP_PROXY: proxy.origin };
    const http = new OAuthHttp(remote, { ...network, env });
    await expect(
      http.request(new URL('http://169.254.169.254/latest'), { method: 'GET', timeout: 3000 }),
    ).rejects.toMatchObject(refusal);
    expect(proxy.connections).toBe(0);
  });

  test('of a server on a private network they are neighbours, but for link-local ones', async () => {
    const { port, requests } = await serve((_request, response) => response.end('{}'));
    names.answers
      .set('mcp.corp', ['10.0.0.7'])
      .set('as.corp', ['127.0.0.1'])
      .set('meta.corp', ['169.254.169.254']);
    const server = new URL('https://mcp.corp/mcp');
    expect(await get(`http://as.corp:${port}/`, {}, server)).toMatchObject({ status: 200 });
    await expect(get(`http://meta.corp:${port}/`, {}, server)).rejects.toMatchObject(refusal);
    expect(requests.length).toBe(1);
  });
});

describe('T9: a name whose address changes between the check and the connection', () => {
  test('the address that was checked is the one that is connected to: there is one look-up', async () => {
    const served = await serve((_request, response) => response.end('{}'));
    names.answers.set('as.corp', ['127.0.0.1', '169.254.169.254']);
    expect(await get(`http://as.corp:${served.port}/`)).toMatchObject({ status: 200 });
    expect([served.connections, names.asked]).toEqual([1, ['as.corp']]);
  });

  test('public at the first look-up, loopback at the next: loopback is not connected to', async () => {
    const served = await serve((_request, response) => response.end('{}'));
    // 192.0.2.0/24 is nobody's (RFC 5737).
    names.answers.set('as.example', ['192.0.2.1', '127.0.0.1']);
    const http = new OAuthHttp(remote, network);
    const place = new URL(`http://as.example:${served.port}/`);
    expect(await failureOf(http.request(place, { method: 'GET', timeout: 300 }))).toBeInstanceOf(NoAnswer);
    expect(names.asked).toEqual(['as.example']);
    await expect(http.request(place, { method: 'GET', timeout: 300 })).rejects.toMatchObject({
      reason: 'authorization-server',
    });
    expect(served.connections).toBe(0);
  });
});
