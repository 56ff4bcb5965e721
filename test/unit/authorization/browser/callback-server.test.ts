import { createServer, Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type CallbackOptions,
  type CallbackReply,
  CallbackServer,
} from '../../../../src/authorization/browser/callback-server.ts';
import { styleSource } from '../../../../src/authorization/browser/pages.ts';
import { freePort } from '../../../support/free-port.ts';
import { openSocket, type RawAnswer, readAnswer, sendRaw } from '../../../support/raw-http.ts';
import { until } from '../../../support/wait.ts';

const signedIn: CallbackReply = { kind: 'page', page: 'signed-in', facts: { server: 'mcp.example.com' } };

/** A receiver that knows one state, as a sign-in does. */
async function receiver(options: Partial<CallbackOptions> = {}) {
  const calls: string[] = [];
  const server = await CallbackServer.listen({
    host: '127.0.0.1',
    port: 0,
    path: '/callback',
    onCallback: (params) => {
      calls.push(params.toString());
      return params.get('state') === 'right' ? signedIn : { kind: 'ignored' };
    },
    ...options,
  });
  onTestFinished(() => server.close());
  const host = `Host: ${new URL(server.redirectUri).host}`;
  const get = (target: string, fields = [host]) =>
    sendRaw(server.port, [`GET ${target} HTTP/1.1`, ...fields]);
  const succeeds = async () => {
    const { status, body } = await get('/callback?code=genuine&state=right');
    expect([status, body.includes('You are signed in'), calls.at(-1)]).toEqual([
      200,
      true,
      'code=genuine&state=right',
    ]);
  };
  return { server, calls, host, get, succeeds };
}

const refuses = async (port: number, host?: string) =>
  openSocket(port, host).then(
    (socket) => {
      socket.destroy();
      return false;
    },
    () => true,
  );

describe('where it listens', () => {
  test('127.0.0.1 on any free port, and nowhere else [36, 37, T34]', async () => {
    const { server } = await receiver();
    expect(server.redirectUri).toBe(`http://127.0.0.1:${server.port}/callback`);
    expect(await refuses(server.port)).toBe(false);
    expect(await refuses(server.port, '127.0.0.2')).toBe(true);
    expect(await refuses(server.port, '::1')).toBe(true);
  });

  test('localhost: both loopback addresses on the same port [36, T34]', async () => {
    const { server, host, succeeds } = await receiver({ host: 'localhost' });
    expect(server.redirectUri).toBe(`http://localhost:${server.port}/callback`);
    await succeeds();
    const lines = ['GET /callback?code=c&state=right HTTP/1.1', host];
    expect((await sendRaw(server.port, lines, '::1')).status).toBe(200);
    expect(await refuses(server.port, '127.0.0.2')).toBe(true);
    await server.close();
    expect([await refuses(server.port), await refuses(server.port, '::1')]).toEqual([true, true]);
  });

  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
    ['localhost', '::1'],
  ] as const)('%s, port taken at %s: a clear failure, and nothing half bound [T35]', async (host, taken) => {
    const port = await freePort();
    await occupy(port, taken);
    await expect(receiver({ host, port })).rejects.toMatchObject({
      reason: 'sign-in-refused',
      exitCode: 4,
      message: `The sign-in can not listen on port ${port} of ${host}: another program uses it. Free the port, or choose another with --callback-port.`,
    });
    const other = taken === '::1' ? '127.0.0.1' : '::1';
    expect(await refuses(port, other)).toBe(true);
  });

  test('localhost, any port: where ::1 is taken on one, another is found [T35, T37]', async () => {
    const original = Server.prototype.listen;
    const taken: number[] = [];
    const listen = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (
      this: Server,
      options: unknown,
      ...rest: unknown[]
    ) {
      const { host, port } = options as { host: string; port: number };
      const go = () => Reflect.apply(original, this, [options, ...rest]);
      if (host !== '::1' || taken.length === 3) return go();
      taken.push(port);
      const squatter = createServer();
      onTestFinished(() => void squatter.close());
      squatter.once('listening', go);
      Reflect.apply(original, squatter, [port, '::1']);
      return this;
    });
    onTestFinished(() => listen.mockRestore());
    const { server, succeeds } = await receiver({ host: 'localhost' });
    expect(taken).toHaveLength(3);
    expect(taken).not.toContain(server.port);
    for (const port of taken) expect(await refuses(port)).toBe(true);
    await succeeds();
  });
});

describe('what is no callback is refused and changes nothing', () => {
  const target = '/callback?code=c&state=right';

  test.each([
    ['of another name', ['Host: evil.example']],
    ['of another port', ['Host: 127.0.0.1:1']],
    ['without a port', ['Host: 127.0.0.1']],
    ['by another name for this machine', ['Host: localhost:PORT']],
    ['missing', []],
    ['given twice', ['Host: 127.0.0.1:PORT', 'Host: 127.0.0.1:PORT']],
    ['given twice, one evil', ['Host: 127.0.0.1:PORT', 'Host: evil.example']],
  ])('Host %s: 403 without a body [38, T38]', async (_, fields) => {
    const { server, get, calls, succeeds } = await receiver();
    const filled = fields.map((field) => field.replace('PORT', `${server.port}`));
    expect(await get(target, filled)).toMatchObject({ status: 403, body: '' });
    expect(calls).toEqual([]);
    await succeeds();
  });

  test.each([
    'Origin: https://evil.example',
    'Origin: null',
    'Sec-Fetch-Mode: no-cors',
    'Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site',
    'Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty',
    'Sec-Fetch-Mode: cors\r\nOrigin: https://evil.example',
    'Sec-Fetch-Mode: websocket',
    'Sec-Fetch-Dest: image',
    'Sec-Fetch-Dest: iframe',
    'Sec-Fetch-Dest: empty',
    'Sec-Purpose: prefetch',
    'Sec-Purpose: prefetch;prerender',
    'Purpose: prefetch',
  ])('%s: 403 without a body [38, T38]', async (field) => {
    const { host, get, calls, succeeds } = await receiver();
    expect(await get(target, [host, field])).toMatchObject({ status: 403, body: '' });
    expect(calls).toEqual([]);
    await succeeds();
  });

  test("a program that plays the browser with Node's fetch passes: it is no page's", async () => {
    const { server, calls } = await receiver();
    const answer = await fetch(`http://127.0.0.1:${server.port}${target}`);
    expect([answer.status, calls.length]).toEqual([200, 1]);
  });

  test('what a browser sends with a navigation passes', async () => {
    const { host, get } = await receiver();
    const fields = [
      host,
      'Sec-Fetch-Site: cross-site',
      'Sec-Fetch-Mode: navigate',
      'Sec-Fetch-Dest: document',
      'Sec-Fetch-User: ?1',
    ];
    expect((await get(target, fields)).status).toBe(200);
  });

  test.each(['HEAD', 'POST', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE'])(
    '%s: 405 [39, T39]',
    async (method) => {
      const { server, host, calls, succeeds } = await receiver();
      const answer = await sendRaw(server.port, [`${method} ${target} HTTP/1.1`, host, 'Content-Length: 0']);
      expect(answer).toMatchObject({ status: 405, body: '' });
      expect(answer.headers).toContainEqual(['Allow', 'GET']);
      expect(calls).toEqual([]);
      await succeeds();
    },
  );

  test('an upgrade: 405; CONNECT: closed [39, T39]', async () => {
    const { server, host, get, calls, succeeds } = await receiver();
    const fields = [
      host,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ];
    expect((await get(target, fields)).status).toBe(405);
    expect((await sendRaw(server.port, ['CONNECT 127.0.0.1:1 HTTP/1.1', host])).body).toBe('');
    expect(calls).toEqual([]);
    await succeeds();
  });

  test.each([
    ['/favicon.ico', 204],
    ['/', 404],
    ['/callback/', 404],
    ['/Callback?code=c&state=right', 404],
    ['//callback?code=c&state=right', 404],
    ['/../callback?code=c&state=right', 404],
    ['/./callback?code=c&state=right', 404],
    ['/%63allback?code=c&state=right', 404],
    ['/callback;x?code=c&state=right', 404],
    ['http://127.0.0.1/callback?code=c&state=right', 404],
    ['*', 404],
  ])('%s: %i, nothing reflected [39, T39]', async (path, status) => {
    const { get, calls, succeeds } = await receiver();
    expect(await get(path)).toMatchObject({ status, body: '' });
    expect(calls).toEqual([]);
    await succeeds();
  });

  test('an absolute-form target of ours: 404 [T39]', async () => {
    const { server, get, calls } = await receiver();
    expect((await get(`http://127.0.0.1:${server.port}${target}`)).status).toBe(404);
    expect(calls).toEqual([]);
  });

  test.each([
    ['code=a&code=b&state=right'],
    ['code=a&state=right&state=wrong'],
    ['code=a&state=right&iss=x&iss=y'],
    ['code=a&state=right&x=1&x=2'],
    ['code[x]=1&state=right'],
    ['code[]=1&state=right'],
    ['code%5Bx%5D=1&code=a&state=right'],
    ['code=&state=right'],
    ['code=a&state='],
    ['code=a%00b&state=right'],
    ['code=a&state=right&x=%00'],
    ['code=a&state=right&x%00=1'],
    ['code=a%0d%0ab&state=right'],
    ['code=%C3%A9&state=right'],
    ['code=a&state=right%0a'],
    ['error=%1b[2J&state=right'],
    [`code=${'a'.repeat(4097)}&state=right`],
    [`code=${'a'.repeat(7900)}&state=right`],
    [`code=${'a'.repeat(100_000)}&state=right`],
  ])('?%.60s: 400 [29, T28]', async (query) => {
    const { get, calls, succeeds } = await receiver();
    expect((await get(`/callback?${query}`)).status).toBe(400);
    expect(calls).toEqual([]);
    await succeeds();
  });

  test.each([
    ['nonsense', ['NONSENSE']],
    ['a header without a colon', ['GET /callback HTTP/1.1', 'Host 127.0.0.1']],
    ['100 KB of headers', ['GET /callback HTTP/1.1', `X: ${'x'.repeat(100_000)}`]],
    ['two lengths', ['GET /callback HTTP/1.1', 'Content-Length: 1', 'Transfer-Encoding: chunked']],
  ])('%s: 400 [43]', async (_, lines) => {
    const { server, calls, succeeds } = await receiver();
    expect(await sendRaw(server.port, lines)).toMatchObject({ status: 400, body: '' });
    expect(calls).toEqual([]);
    await succeeds();
  });
});

describe('what is a callback goes to the sign-in', () => {
  test.each([
    ['without a state', 'code=junk'],
    ['with a wrong state', 'code=junk&state=wrong'],
    ['an error without a state', 'error=access_denied&error_description=%3Cscript%3Ejunk%3C/script%3E'],
    ['an error with a wrong state', 'error=access_denied&state=wrong'],
    ['nothing at all', ''],
  ])(
    '%s: where that does not know it, 400, and the genuine one succeeds [29, T25, T26, T30]',
    async (_, query) => {
      const { get, succeeds } = await receiver();
      const { status, body } = await get(`/callback?${query}`);
      expect(status).toBe(400);
      expect(body).toContain('Unknown sign-in');
      expect(body).not.toMatch(/junk|access_denied/);
      await succeeds();
    },
  );

  test('with every parameter decoded as a form is, unknown ones too', async () => {
    const { get, calls } = await receiver();
    await get(
      '/callback?code=a%2Bb+c&state=right&iss=https%3A%2F%2Fas.example%2F&session_state=x.y&%C3%A9=%C3%A9',
    );
    expect(calls).toEqual([
      'code=a%2Bb+c&state=right&iss=https%3A%2F%2Fas.example%2F&session_state=x.y&%C3%A9=%C3%A9',
    ]);
  });

  test('a code of 4 KiB is taken', async () => {
    const { get } = await receiver();
    expect((await get(`/callback?code=${'a'.repeat(4096)}&state=right`)).status).toBe(200);
  });

  test('the page tells what the sign-in replies, which may take its time [41, T42]', async () => {
    const onCallback = async (): Promise<CallbackReply> => {
      await delay(300);
      return { kind: 'page', page: 'failed', facts: { reason: 'code-refused', issuer: 'as.example' } };
    };
    const { get } = await receiver({ onCallback });
    const { status, body } = await get(target);
    expect(status).toBe(400);
    expect(body).toContain('The sign-in failed');
    expect(body).toContain('did not accept the code');
    expect(body).toContain('<dd>as.example</dd>');
    expect(body).not.toContain('You are signed in');
  });

  test('a sign-in that breaks is a failure on the page too, without its text', async () => {
    const onCallback = async (): Promise<CallbackReply> => {
      throw new Error('s3cret');
    };
    const { get } = await receiver({ onCallback });
    const { status, body } = await get(target);
    expect([status, body.includes('The sign-in failed'), body.includes('s3cret')]).toEqual([
      400,
      true,
      false,
    ]);
  });

  test('after ten seconds the page says that it still goes on [41]', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const onCallback = () => {
      setImmediate(() => vi.advanceTimersByTime(10_000));
      return new Promise<CallbackReply>(() => {});
    };
    const { get } = await receiver({ onCallback });
    const answer = get(target);
    expect((await answer).body).toContain('Almost there');
  });

  test('it may send the browser on, to a web page only', async () => {
    let url = 'https://example.com/done?x=1';
    const { get } = await receiver({ onCallback: () => ({ kind: 'redirect', url }) });
    const { status, headers, body } = await get(target);
    expect([status, body]).toEqual([302, '']);
    expect(headers).toContainEqual(['Location', url]);
    url = 'javascript:alert(1)';
    expect((await get(target)).status).toBe(400);
  });

  const target = '/callback?code=c&state=right';
});

describe('the headers are exactly these [40, T40]', () => {
  const strict = [
    [
      'Content-Security-Policy',
      `default-src 'none'; style-src ${styleSource}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    ],
    ['X-Frame-Options', 'DENY'],
    ['X-Content-Type-Options', 'nosniff'],
    ['Referrer-Policy', 'no-referrer'],
    ['Cache-Control', 'no-store'],
    ['Cross-Origin-Opener-Policy', 'same-origin'],
    ['Cross-Origin-Resource-Policy', 'same-origin'],
    ['Connection', 'close'],
  ];
  const without = ({ headers }: RawAnswer, ...names: string[]) =>
    headers.filter(([name]) => !names.includes(name));

  test('on a page', async () => {
    const { get } = await receiver();
    const answer = await get('/callback?code=c&state=right');
    expect(without(answer, 'Content-Length')).toEqual([
      ...strict,
      ['Content-Type', 'text/html; charset=utf-8'],
    ]);
    expect(answer.headers).toContainEqual(['Content-Length', `${Buffer.byteLength(answer.body)}`]);
  });

  test.each([
    ['a refusal', '/elsewhere'],
    ['the icon', '/favicon.ico'],
    ['too large a request', `/callback?code=${'x'.repeat(9000)}`],
  ])('on %s', async (_, target) => {
    const { get } = await receiver();
    expect(without(await get(target), 'Content-Length')).toEqual(strict);
  });
});

describe('limits [43]', () => {
  test('500 slow sockets, then the genuine callback [T44]', async () => {
    const { server, host, succeeds } = await receiver();
    for (let index = 0; index < 500; index++) {
      const socket = await openSocket(server.port);
      socket.write(index % 2 ? `GET /callback?code=x HTTP/1.1\r\n${host}\r\nX-Slow: ` : 'G');
      onTestFinished(() => void socket.destroy());
    }
    await succeeds();
  });

  test('eight connections, of which the oldest silent one makes way', async () => {
    let finish = (_reply: CallbackReply) => {};
    const onCallback = () => new Promise<CallbackReply>((resolve) => (finish = resolve));
    const { server, host } = await receiver({ onCallback });
    const genuine = await openSocket(server.port);
    genuine.write(`GET /callback?code=c&state=right HTTP/1.1\r\n${host}\r\n\r\n`);
    const answer = readAnswer(genuine);
    const sockets: Socket[] = [];
    for (let index = 0; index < 20; index++) sockets.push(await openSocket(server.port));
    await until('the first to be closed', () => sockets.filter(({ closed }) => closed).length === 13);
    expect(sockets.map(({ closed }) => closed)).toEqual([...Array(13).fill(true), ...Array(7).fill(false)]);
    finish(signedIn);
    expect((await answer).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  test('a request has five seconds to come in', async () => {
    const { server, host } = await receiver();
    const socket = await openSocket(server.port);
    const start = performance.now();
    socket.write(`GET /callback HTTP/1.1\r\n${host}\r\nX-Slow: `);
    const drip = setInterval(() => socket.write('x'), 200);
    onTestFinished(() => clearInterval(drip));
    await readAnswer(socket, 7000);
    expect(performance.now() - start).toBeGreaterThan(4500);
  });

  test('50 requests, then 429 to all but the genuine callback', async () => {
    const { get, succeeds } = await receiver();
    for (let index = 0; index < 25; index++) {
      expect((await get('/elsewhere')).status).toBe(404);
      expect((await get('/callback?code=c&state=wrong')).status).toBe(400);
    }
    const { status, body } = await get('/elsewhere');
    expect([status, body.includes('Too many requests')]).toEqual([429, true]);
    expect((await get('/callback?code=c&state=wrong')).status).toBe(429);
    await succeeds();
  });
});

describe('closing [42, T41, T45]', () => {
  test('the port refuses at once, silent connections end', async () => {
    const { server } = await receiver();
    const socket = await openSocket(server.port);
    const closed = readAnswer(socket);
    const start = performance.now();
    await server.close();
    expect(performance.now() - start).toBeLessThan(500);
    expect(await refuses(server.port)).toBe(true);
    await closed;
  });

  test('the page under way is delivered first', async () => {
    const closing: Promise<void>[] = [];
    const onCallback = async (): Promise<CallbackReply> => {
      closing.push(server.close());
      await delay(200);
      return signedIn;
    };
    const { server, get } = await receiver({ onCallback });
    const { status, body } = await get('/callback?code=c&state=right');
    expect([status, body.includes('You are signed in')]).toEqual([200, true]);
    await Promise.all(closing);
    expect(await refuses(server.port)).toBe(true);
  });

  test('a sign-in that does not come to an end is waited for two seconds', async () => {
    const { server, host } = await receiver({ onCallback: () => new Promise(() => {}) });
    const socket = await openSocket(server.port);
    socket.write(`GET /callback?code=c&state=right HTTP/1.1\r\n${host}\r\n\r\n`);
    await delay(100);
    const start = performance.now();
    const closed = server.close();
    expect(await refuses(server.port)).toBe(true);
    await closed;
    expect(performance.now() - start).toBeLessThan(2500);
    socket.destroy();
  });

  test('twice is no harm', async () => {
    const { server } = await receiver();
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });
});

/** Listens at this address for the rest of the test. */
async function occupy(port: number, host: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  onTestFinished(() => void server.close());
}
