import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { followSignIn, navigate } from '../support/browsers.ts';
import { initializeParams, type Message } from '../support/json-rpc.ts';
import { closedAtTestEnd } from '../support/lifetime.ts';
import { accepts, listeningAddresses } from '../support/listening-ports.ts';
import { isLinux } from '../support/prerequisites.ts';
import {
  paramsOf,
  type SignInWorld,
  signInWorld,
  toolsOf,
  toolText,
  untilTools,
} from '../support/sign-in-world.ts';
import { until } from '../support/wait.ts';

/** A bridge with its sign-in under way: the genuine callback, not yet called, and where it goes. */
async function waiting(world: SignInWorld, args: string[] = []) {
  const bridge = world.bridge({ args });
  const handshake = bridge.request('initialize', initializeParams());
  const url = await world.browser.nextOpened();
  const { callback } = await followSignIn(url, { stopBeforeCallback: true });
  const genuine = new URL(callback as string);
  return {
    bridge,
    handshake,
    url,
    genuine,
    with: (change: (query: URLSearchParams) => void) => changed(genuine, change),
  };
}

function changed(url: URL, change: (query: URLSearchParams) => void): string {
  const copy = new URL(url);
  change(copy.searchParams);
  return copy.href;
}

describe.skipIf(!isLinux)('what comes to the loopback', () => {
  test('forged callbacks are refused, show nothing, and the genuine one still signs in [A5, T25, T26, T28, T29, T30]', async () => {
    const world = await signInWorld();
    const { bridge, handshake, genuine, with: but } = await waiting(world);
    const { issuer } = world.server;
    const forged = {
      'no state': but((query) => query.delete('state')),
      'wrong state': but((query) => query.set('state', 'x'.repeat(43))),
      'empty state': but((query) => query.set('state', '')),
      'an error without a state': `${genuine.origin}${genuine.pathname}?error=access_denied&error_description=%3Cscript%3Ehello`,
      'an error with a wrong state': `${genuine.origin}${genuine.pathname}?error=access_denied&state=wrong&iss=${encodeURIComponent(issuer)}`,
      'no iss, though it is announced': but((query) => query.delete('iss')),
      'wrong iss': but((query) => query.set('iss', 'https://evil.example')),
      'iss with a slash more': but((query) => query.set('iss', `${issuer}/`)),
      'iss in capitals': but((query) => query.set('iss', issuer.toUpperCase())),
      'an error with a wrong iss': but((query) => {
        query.delete('code');
        query.set('error', 'access_denied');
        query.set('iss', 'https://evil.example');
      }),
      'two codes': `${genuine.href}&code=other`,
      'code as an array': `${genuine.href}&code[x]=1`,
      'an empty code': but((query) => query.set('code', '')),
      'a long code': but((query) => query.set('code', 'x'.repeat(5000))),
      'a NUL': but((query) => query.set('code', 'a\0b')),
    };
    const pages = new Map<string, string>();
    for (const [what, url] of Object.entries(forged)) {
      const { status, body } = await navigate(url);
      expect(status, what).toBe(400);
      pages.set(what, body);
    }
    expect(new Set(pages.values()).size, 'one page for all').toBe(1);
    expect([...pages.values()].join()).not.toMatch(/hello|access_denied|evil/i);
    expect(world.server.of('token')).toEqual([]);

    const { status, body } = await navigate(genuine.href);
    expect([status, body]).toEqual([200, expect.stringContaining('You are signed in')]);
    await connected(bridge, handshake);
    expect(world.browser.opened).toHaveLength(1);
    expect(world.server.of('token')).toHaveLength(1);
  });

  test('another Host, a fetch or a prefetch of a page, another method: refused, nothing is used up [A6, T38, T39]', async () => {
    const world = await signInWorld();
    const { bridge, handshake, genuine } = await waiting(world);
    const port = Number(genuine.port);
    for (const headers of [
      { Host: 'attacker.example' },
      { Host: `attacker.example:${port}` },
      { Host: `localhost:${port}` },
      { Host: `127.0.0.1:${port + 1}` },
      { Origin: 'https://attacker.example' },
      { 'Sec-Fetch-Mode': 'no-cors' },
      { 'Sec-Fetch-Dest': 'image' },
      { 'Sec-Purpose': 'prefetch' },
    ] as Record<string, string>[]) {
      const { status, body } = await navigate(genuine.href, { headers });
      expect([status, body], JSON.stringify(headers)).toEqual([403, '']);
    }
    for (const method of ['HEAD', 'POST', 'OPTIONS', 'PUT'])
      expect((await navigate(genuine.href, { method })).status, method).toBe(405);
    expect((await navigate(`${genuine.origin}/favicon.ico`)).status).toBe(204);
    expect((await navigate(`${genuine.origin}/other${genuine.search}`)).status).toBe(404);
    expect(world.server.of('token')).toEqual([]);

    expect((await navigate(genuine.href)).status).toBe(200);
    await connected(bridge, handshake);
  });

  test('an iss that is not announced and wrong is refused, a right one is not [A7, T29]', async () => {
    const metadata = { authorization_response_iss_parameter_supported: undefined };
    const world = await signInWorld({ authorization: { metadata } });
    const { bridge, handshake, genuine, with: but } = await waiting(world);
    const wrong = await navigate(but((query) => query.set('iss', 'https://evil.example')));
    expect(wrong.status).toBe(400);
    expect(wrong.body).toContain('not');
    expect(world.server.of('token')).toEqual([]);
    expect((await navigate(genuine.href)).status).toBe(200);
    await connected(bridge, handshake);
  });

  test('an error that is genuine ends the sign-in, the client hears why, and the page shows no words of it [T27]', async () => {
    const world = await signInWorld();
    const { handshake, with: but } = await waiting(world);
    const { status, body } = await navigate(
      but((query) => {
        query.delete('code');
        query.set('error', 'server_error');
        query.set('error_description', 'so\u001b[31m sorry <b>');
      }),
    );
    expect(status).toBe(400);
    expect(body).not.toContain('sorry');
    const answer = await handshake;
    expectBridgeError(answer, 'authorization-server');
    expect(answer.error?.message).toContain('server_error');
    await world.signInEnded();
    expect(world.browser.opened).toHaveLength(1);
  });

  test('the same callback twice: the second finds nothing, and the port refuses [T41]', async () => {
    const world = await signInWorld();
    const { bridge, handshake, genuine } = await waiting(world);
    const [one, other] = await Promise.all([navigate(genuine.href), navigate(genuine.href)]);
    expect([one.status, other.status].sort()).toEqual([200, 400]);
    await connected(bridge, handshake);
    await until('the port is closed', async () => !(await accepts(Number(genuine.port))), 5000);
    expect(world.server.of('token')).toHaveLength(1);
  });

  test('it listens on 127.0.0.1 only, and on nothing afterwards [T34]', async () => {
    const world = await signInWorld();
    const { bridge, handshake, genuine } = await waiting(world);
    const pid = await world.signInProcess();
    expect(listeningAddresses([pid, bridge.pid])).toEqual([`127.0.0.1:${genuine.port}`]);
    await navigate(genuine.href);
    await connected(bridge, handshake);
    await world.signInEnded();
    expect(listeningAddresses([bridge.pid])).toEqual([]);
    expect(await accepts(Number(genuine.port))).toBe(false);
  });

  test('with --callback-host localhost it listens on both loopbacks', async () => {
    const world = await signInWorld();
    const bridge = world.bridge({ args: ['--callback-host', 'localhost'] });
    const handshake = bridge.request('initialize', initializeParams());
    const url = await world.browser.nextOpened();
    const { redirect_uri } = paramsOf(url);
    expect(redirect_uri).toMatch(/^http:\/\/localhost:\d+\/callback$/);
    const { port } = new URL(redirect_uri as string);
    const listened = listeningAddresses([await world.signInProcess()]);
    expect(listened).toContain(`127.0.0.1:${port}`);
    for (const address of listened)
      expect(address).toMatch(/^(127\.0\.0\.1|\[0{30}0100\]|\[0{24}01000000\]|\[0{31}1\]):/);
    expect((await followSignIn(url)).result?.status).toBe(200);
    await connected(bridge, handshake);
  });

  test('the port of the registration is held by another program at the next sign-in: another one, registered anew [A11, T37]', async () => {
    const world = await signInWorld({ authorization: { exactRedirect: true } });
    const first = await waiting(world);
    await navigate(first.genuine.href);
    await connected(first.bridge, first.handshake);
    await world.signInEnded();

    const heard: string[] = [];
    const squatter = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        heard.push(String(bytes));
        socket.end(
          'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}',
        );
      });
    });
    await new Promise<void>((resolve) => squatter.listen(Number(first.genuine.port), '127.0.0.1', resolve));
    closedAtTestEnd({ close: () => new Promise<void>((resolve) => squatter.close(() => resolve())) });
    expect((squatter.address() as AddressInfo).port).toBe(Number(first.genuine.port));

    world.server.revokeAll();
    const call = first.bridge.callTool('echo', {}, 30_000);
    const url = await world.browser.nextOpened(2);
    const { redirect_uri } = paramsOf(url);
    expect(new URL(redirect_uri as string).port).not.toBe(first.genuine.port);
    expect((await followSignIn(url)).result?.status).toBe(200);
    expect(await call).toHaveProperty('result');
    expect(heard).toEqual([]);
    expect(world.server.of('register')).toHaveLength(2);
  });

  test('a fixed port that is taken is a failure that names it [37]', async () => {
    const world = await signInWorld();
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    closedAtTestEnd({ close: () => new Promise<void>((resolve) => squatter.close(() => resolve())) });
    const { port } = squatter.address() as AddressInfo;
    const bridge = world.bridge({ args: ['--callback-port', String(port)] });
    const answer = await bridge.request('initialize', initializeParams());
    expect(answer.error?.message).toContain(String(port));
    expect(answer.error?.message).toContain('--callback-port');
    expect(world.browser.opened).toEqual([]);
  });

  test.each([
    [1, 200],
    [2, 400],
  ])(
    'the connection breaks %i times after the code was sent: sent again once at the most [T33]',
    async (breaks, expected) => {
      const world = await signInWorld();
      for (let count = 0; count < breaks; count++) world.server.once('token', (exchange) => exchange.drop());
      const { bridge, handshake, genuine } = await waiting(world);
      expect((await navigate(genuine.href)).status).toBe(expected);
      if (expected === 200) await connected(bridge, handshake);
      else expect(await handshake).toHaveProperty('error');
      expect(world.server.of('token')).toHaveLength(2);
    },
  );

  test('the time is up while the code is exchanged: the user was in time', async () => {
    const world = await signInWorld();
    world.server.once('token', (_exchange, usual) => void setTimeout(usual, 4000));
    const { bridge, handshake, genuine } = await waiting(world, [
      '--sign-in-timeout',
      '3',
      '--initialize-wait',
      '20',
    ]);
    expect((await navigate(genuine.href)).status).toBe(200);
    await connected(bridge, handshake);
    expect(world.browser.opened).toHaveLength(1);
  });

  test('the exchange of the code fails after the client has gone on without an answer: sign_in begins anew [A8]', async () => {
    const world = await signInWorld();
    world.server.once('token', (exchange) =>
      exchange.body(500, '<h1>oops</h1>', { 'Content-Type': 'text/html' }),
    );
    const { bridge, handshake, genuine } = await waiting(world, ['--initialize-wait', '0.5']);
    expect(await handshake).toHaveProperty('result');
    bridge.notify('notifications/initialized');
    const call = bridge.callTool('echo', {}, 20_000);
    expect((await navigate(genuine.href)).status).toBe(400);
    expect(JSON.stringify(await call)).toMatch(/"isError":true|"error":/);
    await world.signInEnded();

    expect(toolsOf(await bridge.request('tools/list'))).toEqual(['sign_in']);
    const tool = bridge.callTool('sign_in', {}, 30_000);
    expect((await followSignIn(await world.browser.nextOpened(2))).result?.status).toBe(200);
    expect(toolText(await tool)).toMatch(/^Signed in\./);
    await untilTools(bridge);
  });

  test('the exchange of the code fails: the page and the client say so, and the next attempt needs no restart [A8, T42]', async () => {
    const world = await signInWorld();
    world.server.once('token', (exchange) =>
      exchange.json(400, { error: 'invalid_grant', error_description: 'SECRET-INTERNAL' }),
    );
    const { bridge, handshake, genuine } = await waiting(world);
    const { status, body } = await navigate(genuine.href);
    expect(status).toBe(400);
    expect(body).not.toContain('You are signed in');
    expect(body).not.toContain('SECRET-INTERNAL');
    const data = expectBridgeError(await handshake, 'authorization-server');
    expect(JSON.stringify(data)).not.toContain('SECRET-INTERNAL');
    await world.signInEnded();

    const again = bridge.request('initialize', initializeParams(), 30_000);
    const url = await world.browser.nextOpened(2);
    expect((await followSignIn(url)).result?.status).toBe(200);
    await connected(bridge, again);
  });
});

/** The client's `initialize` is answered, by the server or provisionally, and then the server's tools are there. */
async function connected(bridge: BridgeProcess, handshake: Promise<Message>): Promise<void> {
  const answer = await handshake;
  expect(answer, JSON.stringify(answer.error)).toHaveProperty('result');
  bridge.notify('notifications/initialized');
  await untilTools(bridge);
}
