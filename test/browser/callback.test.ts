import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type CallbackReply, CallbackServer } from '../../src/authorization/browser/callback-server.ts';
import type { CallbackHost } from '../../src/settings.ts';
import { browserFile, launchBrowser } from '../support/chromium.ts';
import { until } from '../support/wait.ts';

describe.skipIf(!browserFile)('a callback by a real browser', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
    return () => browser.close();
  });

  async function openPage(): Promise<Page> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    return context.newPage();
  }

  test.each(['127.0.0.1', 'localhost'] as const)(
    'comes through from %s: by a link, a redirect, a form of the consent page and a script',
    async (host) => {
      const { server, calls } = await receiver(host);
      const target = `${server.redirectUri}?code=c&state=right`;
      const issuer = await serve((path) =>
        path === '/consent'
          ? { html: '<form method="post" action="/allow"><button>Allow</button></form>' }
          : path === '/script'
            ? { html: `<script>location.href = ${JSON.stringify(target)}</script>` }
            : path === '/link'
              ? { html: `<a href="${target.replace('&', '&amp;')}">Go on</a>` }
              : { location: target },
      );
      const ways: ((page: Page) => Promise<unknown>)[] = [
        (page) => page.goto(target),
        (page) => page.goto(`${issuer}/redirect`),
        (page) => page.goto(`${issuer}/consent`).then(() => page.getByRole('button').click()),
        (page) => page.goto(`${issuer}/link`).then(() => page.getByRole('link').click()),
        (page) => page.goto(`${issuer}/script`, { waitUntil: 'commit' }),
      ];
      const page = await openPage();
      for (const way of ways) {
        await page.goto('about:blank');
        await way(page);
        await page.waitForURL(target);
        expect(await page.getByRole('heading').textContent()).toBe('You are signed in');
      }
      expect(calls).toEqual(ways.map(() => 'code=c&state=right'));
    },
  );

  test('what a page of another origin can make it send does not get through [38, T38]', async () => {
    const { server, calls, statuses } = await receiver('127.0.0.1');
    const target = `${server.redirectUri}?code=stolen&state=right`;
    const attacks = {
      image: `new Image().src = target`,
      script: `document.body.append(Object.assign(document.createElement('script'), { src: target }))`,
      style: `document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: target }))`,
      prefetch: `document.head.append(Object.assign(document.createElement('link'), { rel: 'prefetch', href: target }))`,
      frame: `document.body.append(Object.assign(document.createElement('iframe'), { src: target }))`,
      object: `document.body.append(Object.assign(document.createElement('object'), { data: target }))`,
      'no-cors': `fetch(target, { mode: 'no-cors' }).catch(() => {})`,
      cors: `fetch(target).catch(() => {})`,
      head: `fetch(target, { mode: 'no-cors', method: 'HEAD' }).catch(() => {})`,
      post: `fetch(target, { mode: 'no-cors', method: 'POST', body: 'x' }).catch(() => {})`,
      preflight: `fetch(target, { headers: { 'X-A': '1' } }).catch(() => {})`,
      beacon: `navigator.sendBeacon(target, 'x')`,
      socket: `new WebSocket(target.replace('http', 'ws'))`,
      form: `const form = Object.assign(document.createElement('form'), { method: 'post', action: target });
        document.body.append(form); form.submit()`,
    };
    const attacker = await serve((path) => ({
      html: `<body><script>
        const target = ${JSON.stringify(target)};
        ${attacks[path.slice(1) as keyof typeof attacks]}
      </script>`,
    }));
    const page = await openPage();
    for (const name of Object.keys(attacks)) {
      const before = statuses.length;
      await page.goto(`${attacker}/${name}`, { waitUntil: 'commit' });
      await until(`the attack by ${name} to arrive`, () => statuses.length > before);
    }
    expect(statuses.filter((status) => ![403, 405].includes(status))).toEqual([]);
    expect(calls).toEqual([]);

    const tab = await openPage();
    await tab.goto(target.replace('stolen', 'genuine'));
    expect(await tab.getByRole('heading').textContent()).toBe('You are signed in');
    expect(calls).toEqual(['code=genuine&state=right']);
  });

  test('localhost: nobody else can hold the other half of the name [36, T36]', async () => {
    const { server, calls } = await receiver('localhost');
    for (const address of ['127.0.0.1', '::1']) {
      await expect(hold(server.port, address), address).rejects.toMatchObject({ code: 'EADDRINUSE' });
    }
    const page = await openPage();
    await page.goto(`${server.redirectUri}?code=c&state=right`);
    expect(await page.getByRole('heading').textContent()).toBe('You are signed in');
    expect(calls).toEqual(['code=c&state=right']);
  });

  test('a text in the parameters is not on the page [T26, T40]', async () => {
    const { server } = await receiver('127.0.0.1');
    const page = await openPage();
    const text = '<script>document.title="pwned"</script>';
    await page.goto(
      `${server.redirectUri}?error=access_denied&error_description=${encodeURIComponent(text)}`,
    );
    expect(await page.getByRole('heading').textContent()).toBe('Unknown sign-in');
    expect(await page.content()).not.toContain('pwned');
  });
});

/** A receiver that knows the state "right"; with it what reached the sign-in, and what every request was answered. */
async function receiver(host: CallbackHost) {
  const calls: string[] = [];
  const server = await CallbackServer.listen({
    host,
    port: 0,
    path: '/callback',
    onCallback: (params): CallbackReply => {
      calls.push(params.toString());
      return params.get('state') === 'right' ? { kind: 'page', page: 'signed-in' } : { kind: 'ignored' };
    },
  });
  onTestFinished(() => server.close());
  const statuses: number[] = [];
  const finished = (message: unknown): void => {
    const { response, socket } = message as { response: ServerResponse; socket: Socket };
    if (socket.localPort === server.port) statuses.push(response.statusCode);
  };
  subscribe('http.server.response.finish', finished);
  onTestFinished(() => void unsubscribe('http.server.response.finish', finished));
  return { server, calls, statuses };
}

type Answer = { html: string } | { location: string };

/** A site of another origin. */
async function serve(answer: (path: string) => Answer): Promise<string> {
  const server: Server = createServer((request, response) => {
    const made = answer(request.url ?? '/');
    if ('html' in made) response.writeHead(200, { 'Content-Type': 'text/html' }).end(made.html);
    else response.writeHead(302, { Location: made.location }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function hold(port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createTcpServer().once('error', reject);
    server.listen(port, address, () => {
      server.close();
      resolve();
    });
  });
}
