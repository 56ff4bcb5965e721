import { createHash } from 'node:crypto';
import { type Browser, chromium as playwright } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { DemoAuthorizationServer } from '../../src/cli/demo/demo-authorization-server.ts';
import { LoopbackListener } from '../../src/cli/demo/loopback-listener.ts';
import { chromium, withoutChromium } from '../support/browsers.ts';

/** Starts the authorization server, and gives the link of a sign-in that comes back to a listener of the test. */
async function startSignIn() {
  const listener = await LoopbackListener.start([]);
  const callback = await LoopbackListener.start([]);
  onTestFinished(() => {
    listener.close();
    callback.close();
  });
  const server = new DemoAuthorizationServer(listener, 'http://127.0.0.1:9/mcp');
  const answers: URLSearchParams[] = [];
  callback.handler = ({ url, request, response }) => {
    // A browser sends no Origin with the redirect; the bridge's own receiver would refuse it.
    if (url.pathname === '/callback' && request.headers.origin === undefined) answers.push(url.searchParams);
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Back</title>');
  };
  const redirectUri = `${callback.origin}/callback`;
  const registration = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    body: JSON.stringify({ client_name: 'mcp-drawbridge', redirect_uris: [redirectUri] }),
  });
  const { client_id: clientId } = (await registration.json()) as { client_id: string };
  const link = new URL(`${server.issuer}/authorize`);
  link.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope: 'greet offline_access',
    resource: 'http://127.0.0.1:9/mcp',
    state: 'the-state',
    code_challenge: createHash('sha256').update('x'.repeat(43)).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  return { server, link: link.href, answers };
}

if (!chromium) console.warn(`Skipped: the demo's page in a browser (${withoutChromium}).`);

describe.skipIf(!chromium)("the demo's page in Chromium, scripts switched off", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await playwright.launch({ executablePath: chromium as string, args: ['--no-sandbox'] });
  });
  afterAll(() => browser.close());

  test.each([
    ['light', 'rgb(246, 247, 249)'],
    ['dark', 'rgb(20, 23, 28)'],
  ] as const)(
    'is drawn in %s, and Approve leads back in spite of the strict policy',
    async (colorScheme, paper) => {
      const { server, link, answers } = await startSignIn();
      const page = await browser.newPage({ colorScheme, javaScriptEnabled: false });
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      await page.goto(link);
      // Playwright's own scripts run even where the page's may not.
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(paper);
      await page.getByRole('button', { name: 'Approve' }).click();
      await page.waitForURL(/\/callback\?/);
      expect(Object.fromEntries(answers[0] ?? [])).toEqual({
        code: expect.any(String),
        state: 'the-state',
        iss: server.issuer,
      });
      expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([]);
      await page.close();
    },
  );

  test('Deny leads back too', async () => {
    const { link, answers } = await startSignIn();
    const page = await browser.newPage({ javaScriptEnabled: false });
    await page.goto(link);
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.waitForURL(/\/callback\?/);
    expect(answers[0]?.get('error')).toBe('access_denied');
    await page.close();
  });
});
