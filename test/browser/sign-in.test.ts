import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { chromium, chromiumBrowser, withoutChromium } from '../support/browsers.ts';
import { startOidcServer } from '../support/oidc-server.ts';
import { startProtectedSdkRemote } from '../support/protected-sdk-remote.ts';
import { connectClient } from '../support/sdk-client.ts';
import { signInSetup } from '../support/signed-in.ts';
import { until } from '../support/wait.ts';

/** Every part is a real one: SDK client, bridge, SDK server with its bearer guard, oidc-provider, Chromium. */
const title = (what: string): string => (chromium ? what : `${what}: ${withoutChromium}`);

test.skipIf(!chromium)(
  title('a person logs in and consents in Chromium, once; renewals are silent; a revoked grant asks again'),
  async () => {
    const server = await startOidcServer({ accessTokenTtl: 5 });
    const remote = await startProtectedSdkRemote({
      authorizationServer: server,
      requiredScopes: ['mcp:tools'],
    });
    const setup = signInSetup(chromiumBrowser({ colorScheme: 'dark' }));
    const options = { args: ['--initialize-wait', '40'], env: setup.env };

    const { client } = await connectClient(remote.url, options);
    const visited = await setup.browser.finished();
    expect(visited).toMatchObject({ status: 200, title: expect.stringContaining('signed in') });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).not.toContain('sign_in');

    // The token has expired when two more bridges start: one of the three renews it for all.
    await server.setAccessTokenTtl(600);
    await delay(5_000);
    const more = await Promise.all([connectClient(remote.url, options), connectClient(remote.url, options)]);
    const lists = await Promise.all(
      [client, ...more.map((each) => each.client)].map((each) => each.listTools()),
    );
    for (const list of lists) expect(list.tools).toEqual(tools);
    expect([server.grants('refresh_token'), server.reuses]).toEqual([1, 0]);
    expect([setup.browser.opened.length, server.registrations]).toEqual([1, 1]);

    await server.revokeGrants();
    await client.listTools(); // waits for the sign-in, or is answered by the tool sign_in meanwhile
    await setup.browser.finished(2);
    const isBack = async (): Promise<boolean> => (await client.listTools()).tools.length === tools.length;
    await until('the tools of the server', isBack, 20_000);
    expect(setup.browser.opened).toHaveLength(2);
    expect([server.registrations, server.reuses]).toEqual([1, 0]);
  },
);

test.skipIf(!chromium)(
  title('a person refuses in Chromium: the page says so, and nothing opens again'),
  async () => {
    const server = await startOidcServer();
    const remote = await startProtectedSdkRemote({ authorizationServer: server });
    const setup = signInSetup(chromiumBrowser({ deny: true }));
    const failed = connectClient(remote.url, { args: ['--initialize-wait', '40'], env: setup.env });
    await expect(failed).rejects.toThrow(/declined.*mcp-drawbridge login/);
    const visited = await setup.browser.finished();
    expect(visited.status).toBe(400);
    expect(visited.text).toMatch(/refused|declined|not signed in/i);
    expect(setup.browser.opened).toHaveLength(1);
  },
);
