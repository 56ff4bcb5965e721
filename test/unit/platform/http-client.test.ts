import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { type Exchange, HttpClient } from '../../../src/platform/http-client.ts';
import type { NetworkSettings } from '../../../src/settings.ts';
import { startFakeRemote } from '../../support/fake-remote.ts';
import { freePort } from '../../support/free-port.ts';
import { within } from '../../support/wait.ts';
import { byteText } from '../helpers/byte-chunks.ts';

const settings: NetworkSettings = {
  connectTimeout: 5000,
  requestTimeout: undefined,
  keepAlive: 5000,
  ca: undefined,
  ipv4Only: false,
  cookies: true,
  env: {},
};

const clientFor = (url: string, more: Partial<NetworkSettings> = {}) =>
  HttpClient.create(new URL(url), { ...settings, ...more });

/** The whole answer; a body that never ends is a failure. */
async function answerTo(exchange: Exchange): Promise<{ status: number | undefined; body: string }> {
  const response = await within(exchange.response, 3000, () => 'no answer');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
}

const reasonOf = (exchange: Exchange): Promise<DrawbridgeError> =>
  within(exchange.response, 3000, () => 'no answer').then(
    () => {
      throw new Error('it was answered');
    },
    (error) => error,
  );

test('what may be shown of the URL is without its query, which can hold a key [72]', async () => {
  const client = await clientFor('https://mcp.example.com/a/b?key=s3cret');
  expect(client.target).toBe('https://mcp.example.com/a/b');
});

describe('redirects [103]', () => {
  test.each([307, 308])(
    '%i on the same origin is followed, with method, body and headers',
    async (status) => {
      const remote = await startFakeRemote();
      remote.once('POST', (exchange) => exchange.redirect(status, '/other?a=1'));
      remote.once('POST', (exchange) => exchange.json(200, 'ok'));
      const client = await clientFor(remote.url);
      const { body } = await answerTo(client.exchange('POST', '/mcp', { 'X-Own': 'x' }, '{"a":1}'));
      expect(body).toBe('ok');
      expect(remote.requests[1]).toMatchObject({ method: 'POST', path: '/other?a=1', body: '{"a":1}' });
      expect(remote.requests[1]?.headers['x-own']).toBe('x');
    },
  );

  test('three are followed, a fourth is not', async () => {
    const remote = await startFakeRemote();
    for (let hop = 1; hop <= 3; hop++) remote.once('GET', (exchange) => exchange.redirect(307, `/${hop}`));
    remote.once('GET', (exchange) => exchange.json(200, 'ok'));
    const client = await clientFor(remote.url);
    expect((await answerTo(client.exchange('GET', '/mcp', {}))).body).toBe('ok');
    remote.on('GET', (exchange) => exchange.redirect(307, '/again'));
    const error = await reasonOf(client.exchange('GET', '/mcp', {}));
    expect(error).toMatchObject({ reason: 'redirect-refused' });
    expect(error.message).toContain('more than three times');
    expect(remote.requests).toHaveLength(8);
  });

  test.each([301, 302, 303])('%i is not followed: it would turn a POST into a GET', async (status) => {
    const remote = await startFakeRemote();
    remote.on('POST', (exchange) => exchange.redirect(status, '/other'));
    const error = await reasonOf((await clientFor(remote.url)).exchange('POST', '/mcp', {}, '{}'));
    expect(error).toMatchObject({ reason: 'redirect-refused', details: { status } });
    expect(remote.requests).toHaveLength(1);
  });

  test('another origin is named and never asked, not even another port [89]', async () => {
    const [remote, other] = [await startFakeRemote(), await startFakeRemote()];
    remote.on('POST', (exchange) => exchange.redirect(307, `${other.url}?leak=s3cret`));
    const client = await clientFor(remote.url);
    const error = await reasonOf(client.exchange('POST', '/mcp', { Authorization: 'Bearer t' }, '{}'));
    expect(error.reason).toBe('redirect-refused');
    expect(error.message).toContain(other.origin);
    expect(error.message).not.toContain('s3cret');
    expect(other.requests).toEqual([]);
  });

  test.each(['', 'http://', 'https://:x', 'javascript:alert(1)', '//evil.test/x', 'http:\\\\evil.test'])(
    'an odd Location is refused: %j',
    async (location) => {
      const remote = await startFakeRemote();
      remote.once('GET', (exchange) => exchange.redirect(307, location));
      remote.on('GET', (exchange) => exchange.json(200, 'ok'));
      const answered = (await clientFor(remote.url)).exchange('GET', '/mcp', {});
      if (location === '') expect((await answerTo(answered)).body).toBe('ok');
      else expect(await reasonOf(answered)).toMatchObject({ reason: 'redirect-refused' });
    },
  );
});

test('a body of bytes in pieces arrives whole, with its length, also after a redirect', async () => {
  const remote = await startFakeRemote();
  remote.once('POST', (exchange) => exchange.redirect(308, '/other'));
  remote.on('POST', (exchange) => exchange.json(200, 'ok'));
  const text = 'é'.repeat(100_000);
  const body = byteText(text, [1, 2, 70_001]);
  await answerTo((await clientFor(remote.url)).exchange('POST', '/mcp', {}, body));
  expect(remote.requests.map((request) => request.body === text)).toEqual([true, true]);
  for (const { headers } of remote.requests)
    expect([headers['content-length'], headers['transfer-encoding']]).toEqual(['200000', undefined]);
});

describe('cookies [106]', () => {
  test('come back to the server that set them, beside one of the user', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.header('Set-Cookie', ['lb=1; Path=/', 'x=2']).json(200, 'ok'));
    const client = await clientFor(remote.url);
    await answerTo(client.exchange('GET', '/mcp', { cookie: 'own=0' }));
    await answerTo(client.exchange('GET', '/mcp', { Cookie: 'own=0' }));
    await answerTo(client.exchange('GET', '/mcp', {}));
    expect(remote.requests.map(({ headers }) => headers.cookie)).toEqual([
      'own=0',
      'own=0; lb=1; x=2',
      'lb=1; x=2',
    ]);
  });

  test('are ignored where the user says so', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.header('Set-Cookie', 'lb=1; Path=/').json(200, 'ok'));
    const client = await clientFor(remote.url, { cookies: false });
    for (let times = 0; times < 2; times++) await answerTo(client.exchange('GET', '/mcp', {}));
    expect(remote.requests[1]?.headers.cookie).toBeUndefined();
  });

  test('of a redirect are ignored', async () => {
    const remote = await startFakeRemote();
    remote.once('GET', (exchange) => exchange.header('Set-Cookie', 'a=1; Path=/').redirect(307, '/other'));
    remote.on('GET', (exchange) => exchange.json(200, 'ok'));
    await answerTo((await clientFor(remote.url)).exchange('GET', '/mcp', {}));
    expect(remote.requests[1]?.headers.cookie).toBeUndefined();
  });
});

describe('what may have reached the server', () => {
  test('nothing, where no connection stood', async () => {
    const client = await clientFor(`http://127.0.0.1:${await freePort()}/mcp?key=s3cret`);
    const exchange = client.exchange('POST', '/mcp', {}, '{}');
    const error = await reasonOf(exchange);
    expect([error.reason, exchange.sent]).toEqual(['unreachable', false]);
    expect(error.message).not.toContain('s3cret');
  });

  test('anything, once a connection stood', async () => {
    const remote = await startFakeRemote();
    remote.on('POST', (exchange) => exchange.reset());
    const exchange = (await clientFor(remote.url)).exchange('POST', '/mcp', {}, '{}');
    expect([(await reasonOf(exchange)).reason, exchange.sent]).toEqual(['unreachable', true]);
  });
});

test('a redirect after which no connection stands has reached nobody', async () => {
  const server = createHttpServer((_request, response) => {
    server.close();
    response.writeHead(307, { Location: '/other', Connection: 'close' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const client = await clientFor(`http://127.0.0.1:${port}/mcp`);
  const exchange = client.exchange('POST', '/mcp', {}, '{}');
  expect([(await reasonOf(exchange)).reason, exchange.sent]).toEqual(['unreachable', false]);
});

test('407 of a server that no proxy stands before names no proxy', async () => {
  const remote = await startFakeRemote();
  remote.on('GET', (exchange) => exchange.status(407));
  const client = await clientFor(remote.url);
  const { message } = await client.exchange('GET', '/mcp', {}).response.then(
    ({ statusCode }) => new Error(`HTTP ${statusCode}`),
    (error: Error) => error,
  );
  expect(message).not.toContain('undefined');
});

describe('limits [99, 107]', () => {
  test('headers of more than 16 KiB fail the request', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.header('X-Large', 'x'.repeat(17_000)).json(200, 'ok'));
    const error = await reasonOf((await clientFor(remote.url)).exchange('GET', '/mcp', {}));
    expect(error.reason).toBe('too-large');
  });

  test('a server that accepts and then does not speak TLS is given up in time', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const client = await clientFor(`https://127.0.0.1:${port}/mcp`, { connectTimeout: 300 });
    const before = performance.now();
    const exchange = client.exchange('POST', '/mcp', {}, '{}');
    const error = await reasonOf(exchange);
    expect([error.reason, exchange.sent]).toEqual(['unreachable', false]);
    expect(error.message).toContain('0.3 s');
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test('a slow answer is not the connection: the limit for that does not touch it', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => void setTimeout(() => exchange.json(200, 'ok'), 400));
    const client = await clientFor(remote.url, { connectTimeout: 100 });
    expect((await answerTo(client.exchange('GET', '/mcp', {}))).body).toBe('ok');
  });
});

describe('connections', () => {
  test('are kept for the next request', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.json(200, 'ok'));
    const client = await clientFor(remote.url);
    for (let times = 0; times < 3; times++) await answerTo(client.exchange('GET', '/mcp', {}));
    expect(remote.connections).toBe(1);
  });

  test('are not kept with --keep-alive 0', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.json(200, 'ok'));
    const client = await clientFor(remote.url, { keepAlive: 0 });
    for (let times = 0; times < 3; times++) await answerTo(client.exchange('GET', '/mcp', {}));
    expect(remote.connections).toBe(3);
  });

  test('that the keep-alive limit ends in the midst of an answer are not cut', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => void setTimeout(() => exchange.body(200, gzipSync('x')), 500));
    const client = await clientFor(remote.url, { keepAlive: 100 });
    expect((await answerTo(client.exchange('GET', '/mcp', {}))).status).toBe(200);
  });
});

describe('abort', () => {
  test('ends what is awaited with the given error', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.hang());
    const exchange = (await clientFor(remote.url)).exchange('GET', '/mcp', {});
    await remote.next('GET');
    const error = new DrawbridgeError('timeout', 'Too late.');
    exchange.abort(error);
    expect(await reasonOf(exchange)).toBe(error);
  });

  test('ends a body that is being read, and leaves no error unheard', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => void exchange.sse().raw(': hello\n\n'));
    const exchange = (await clientFor(remote.url)).exchange('GET', '/mcp', {});
    const response = await exchange.response;
    const closed = vi.fn();
    response.on('error', () => {}).on('close', closed);
    response.resume();
    exchange.abort(new DrawbridgeError('shutting-down', 'Bye.'));
    await vi.waitFor(() => expect(closed).toHaveBeenCalled());
  });
});

describe('a signer', () => {
  const signerOf = (repeat: (status: number) => boolean = () => false) => {
    const signed: string[] = [];
    const headers = (method: string, url: string) => {
      signed.push(`${method} ${url}`);
      return { Signature: String(signed.length) };
    };
    return { signed, signer: { headers, repeats: (status: number) => repeat(status) } };
  };

  test('signs each request on the wire by itself, without query: a redirect, too [X-21]', async () => {
    const remote = await startFakeRemote();
    remote.once('POST', (exchange) => exchange.redirect(307, '/other?a=1'));
    remote.once('POST', (exchange) => exchange.json(200, 'ok'));
    const client = await clientFor(`${remote.url}?key=s3cret`);
    const { signed, signer } = signerOf();
    await answerTo(client.exchange('POST', '/mcp?key=s3cret', { 'X-Own': 'x' }, '{}', signer));
    expect(signed).toEqual([`POST ${remote.origin}/mcp`, `POST ${remote.origin}/other`]);
    expect(remote.requests.map(({ headers }) => [headers.signature, headers['x-own']])).toEqual([
      ['1', 'x'],
      ['2', 'x'],
    ]);
  });

  test('may have the same request sent again, signed anew', async () => {
    const remote = await startFakeRemote();
    remote.once('POST', (exchange) => exchange.json(401, 'no'));
    remote.once('POST', (exchange) => exchange.json(200, 'ok'));
    const client = await clientFor(remote.url);
    const { signer } = signerOf((status) => status === 401);
    const exchange = client.exchange('POST', '/mcp', {}, '{"a":1}', signer);
    expect(await answerTo(exchange)).toEqual({ status: 200, body: 'ok' });
    expect(remote.requests.map(({ body, headers }) => [body, headers.signature])).toEqual([
      ['{"a":1}', '1'],
      ['{"a":1}', '2'],
    ]);
    expect(exchange.sent).toBe(true);
  });

  test('whose second request is broken off leaves nothing open', async () => {
    const remote = await startFakeRemote();
    remote.once('POST', (exchange) => exchange.json(401, 'no'));
    const client = await clientFor(remote.url);
    remote.once('POST', () => {});
    const { signer } = signerOf((status) => status === 401);
    const exchange = client.exchange('POST', '/mcp', {}, '{}', signer);
    await remote.next('POST', 2);
    exchange.abort(new DrawbridgeError('timeout', 'enough'));
    expect(await reasonOf(exchange)).toMatchObject({ reason: 'timeout' });
  });
});
