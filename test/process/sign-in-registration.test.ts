import { describe, expect, test } from 'vitest';
import { followingBrowser, followSignIn } from '../support/browsers.ts';
import type { EndpointExchange } from '../support/fake-authorization-server.ts';
import { isLinux } from '../support/prerequisites.ts';
import { paramsOf, protectedBy, signInWorld, untilConnected, untilTools } from '../support/sign-in-world.ts';

type World = Awaited<ReturnType<typeof signInWorld>>;

/** Signs in once, so that a registration is kept, and then takes the grant away. */
async function withRegistration(world: World) {
  const bridge = world.bridge();
  await untilConnected(bridge);
  await world.signInEnded();
  expect(world.server.of('register')).toHaveLength(1);
  return bridge;
}

describe.skipIf(!isLinux)('the registration of the client', () => {
  const refusals: Record<string, (exchange: EndpointExchange) => void> = {
    '400 with invalid_client': (exchange) => exchange.json(400, { error: 'invalid_client' }),
    '400 with invalid_request': (exchange) => exchange.json(400, { error: 'invalid_request' }),
    '422 with JSON': (exchange) => exchange.json(422, { detail: 'client not found' }),
    '400 with HTML': (exchange) =>
      exchange.body(400, '<h1>Unrecognized client_id</h1>', { 'Content-Type': 'text/html' }),
    '401 with HTML': (exchange) =>
      exchange.body(401, '<p>unknown client</p>', { 'Content-Type': 'text/html' }),
    '403 without a body': (exchange) => exchange.status(403),
    '404 with HTML': (exchange) => exchange.body(404, '<h1>Not found</h1>', { 'Content-Type': 'text/html' }),
    'a redirect with invalid_client': (exchange) => {
      const { redirect_uri, state } = exchange.params;
      exchange.redirect(
        302,
        `${redirect_uri}?${new URLSearchParams({ error: 'invalid_client', state: state ?? '' })}`,
      );
    },
  };

  test.each(Object.entries(refusals))(
    'pruned at the server, /authorize answers %s: registered anew once, one window, connected [A9]',
    async (_, refuse) => {
      const world = await signInWorld({ browser: followingBrowser() });
      const { server, browser } = world;
      const bridge = await withRegistration(world);
      server.forgetClients();
      server.revokeAll();
      server.on('authorize', (exchange, usual) => {
        if (server.book.clients.has(exchange.params.client_id ?? '')) usual();
        else refuse(exchange);
      });
      expect(await bridge.callTool('echo', {}, 30_000)).toHaveProperty('result');
      expect(server.of('register')).toHaveLength(2);
      expect(browser.opened).toHaveLength(2);
      expect(await browser.finished(2)).toMatchObject({ status: 200 });
    },
  );

  test('a secret that has run out is not used: registered anew before the window [A10]', async () => {
    const expired = Math.floor(Date.now() / 1000) - 60;
    let count = 0;
    const world = await signInWorld({
      browser: followingBrowser(),
      authorization: {
        metadata: { token_endpoint_auth_methods_supported: ['client_secret_basic'] },
        registration: (usual) => ({ ...usual, client_secret_expires_at: count++ === 0 ? expired : 0 }),
      },
    });
    const { server } = world;
    const bridge = await withRegistration(world);
    const [{ id: first } = { id: '' }] = [...server.book.clients.values()];
    server.revokeAll();
    expect(await bridge.callTool('echo', {}, 30_000)).toHaveProperty('result');
    expect(server.of('register')).toHaveLength(2);
    expect(server.of('authorize').filter(({ params }) => params.client_id === first)).toHaveLength(1);
    expect(world.browser.opened).toHaveLength(2);
  });

  test('many endpoints on one host share one registration, and each has credentials of its own', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const { server, browser } = world;
    const others = await Promise.all([1, 2, 3].map(() => protectedBy(server)));
    for (const { url } of others) await untilConnected(world.bridge({ url }));
    const paths = ['/mcp', '/mcp?toolset=read', '/mcp?toolset=write'].map(
      (path) => world.remote.origin + path,
    );
    for (const url of paths) await untilConnected(world.bridge({ url }));
    expect(server.of('register')).toHaveLength(1);
    expect(browser.opened).toHaveLength(6);
    const tokens = new Set(
      [world.remote, ...others].flatMap((remote) => remote.credentials('tools/list')).filter(Boolean),
    );
    expect(tokens.size).toBe(6);
  }, 90_000);

  test("two profiles on one URL: two accounts, never each other's tokens [R10]", async () => {
    const world = await signInWorld();
    const { server, remote, browser } = world;
    const profiles = ['work', 'home'];
    const used: string[] = [];
    for (const [index, profile] of profiles.entries()) {
      const bridge = world.bridge({ args: ['--profile', profile] });
      const connected = untilConnected(bridge);
      expect((await followSignIn(await browser.nextOpened(index + 1))).result?.status).toBe(200);
      await connected;
      used.push(remote.credentials('tools/list').at(-1) ?? '');
    }
    expect(new Set(used).size).toBe(2);
    for (const [index, profile] of profiles.entries()) {
      await untilConnected(world.bridge({ args: ['--profile', profile] }));
      expect(remote.credentials('tools/list').at(-1)).toBe(used[index]);
    }
    expect(browser.opened).toHaveLength(2);
    expect(server.grants()).toBe(2);
  }, 90_000);

  test('a profile with another client id keeps its credentials when the default one signs in', async () => {
    const client = {
      id: 'known-beforehand',
      secret: undefined,
      method: 'none',
      redirectUris: ['http://127.0.0.1/callback'],
    };
    const world = await signInWorld({ browser: followingBrowser(), authorization: { clients: [client] } });
    const args = ['--profile', 'other', '--client-id', client.id, '--issuer', world.server.issuer];
    await untilConnected(world.bridge());
    await untilConnected(world.bridge({ args }));
    expect(world.browser.opened.map((url) => paramsOf(url).client_id)).toEqual([
      expect.stringMatching(/^client-/),
      client.id,
    ]);
    const again = [world.bridge(), world.bridge({ args })];
    for (const bridge of again) await untilConnected(bridge);
    for (const bridge of again) await untilTools(bridge);
    expect(world.browser.opened).toHaveLength(2);
  }, 90_000);
});
