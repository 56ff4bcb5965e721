import { spawn, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type Browser, followingBrowser, followSignIn, recordingBrowser } from '../../support/browsers.ts';
import { startFakeAuthorizationServer } from '../../support/fake-authorization-server.ts';
import { startFakeRemote } from '../../support/fake-remote.ts';
import { findSecrets, signInProcesses, signInSetup } from '../../support/signed-in.ts';

const start = (browser: Browser, url: string) => spawn(browser.program, [url], { env: {}, stdio: 'ignore' });

async function linkAndCallback() {
  const callback = await startFakeRemote();
  callback.on('GET', (exchange) => exchange.body(200, 'signed in'));
  const client = {
    id: 'c',
    secret: undefined,
    method: 'none',
    redirectUris: [`${callback.origin}/callback`],
  };
  const server = await startFakeAuthorizationServer({ clients: [client] });
  const params = new URLSearchParams({
    client_id: 'c',
    response_type: 'code',
    redirect_uri: `${callback.origin}/callback`,
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
    state: 's',
  });
  return { callback, server, link: `${server.issuer}/authorize?${params}` };
}

test('a recording browser notes the URL, and ends as told', () => {
  const browser = recordingBrowser({ exitCode: 3 });
  const url = 'https://example.com/?a=$(id)`id`&b|"\'';
  expect(spawnSync(browser.program, [url], { env: {} }).status).toBe(3);
  expect(browser.opened).toEqual([url]);
  expect(browser.starts[0]?.argv).toEqual([url]);
});

test('a following browser comes back to the redirect URI as a browser does', async () => {
  const { callback, link } = await linkAndCallback();
  for (const detaches of [false, true]) {
    const browser = followingBrowser({ detaches });
    start(browser, link);
    const page = await browser.finished();
    expect(page).toMatchObject({ status: 200, body: 'signed in' });
  }
  const { path, headers } = callback.of('GET')[0] as NonNullable<ReturnType<typeof callback.of>[0]>;
  expect(path).toMatch(/^\/callback\?state=s&iss=http.*&code=canary-code-/);
  expect(headers).toMatchObject({ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' });
});

test('a test can stop before the callback and go there in its own way', async () => {
  const { callback, link, server } = await linkAndCallback();
  const followed = await followSignIn(link, { stopBeforeCallback: true });
  expect(followed.callback).toContain(`${callback.origin}/callback?`);
  expect(callback.requests).toEqual([]);
  const { home } = signInSetup();
  const [code = ''] = server.secretsSeen();
  expect(findSecrets(server.secretsSeen(), home, `an output with ${code}`)).toEqual([`${code} in output 0`]);
});

test('what a bridge has started is found by what it was given', async () => {
  const setup = signInSetup(recordingBrowser({ hangs: true }));
  const child = spawn(setup.browser.program, ['https://example.com'], {
    env: { BROWSER: setup.browser.program },
    stdio: 'ignore',
  });
  await setup.browser.nextOpened();
  expect(signInProcesses(setup)).toEqual([child.pid]);
});
