// What the programs of `browsers.ts` do when the bridge starts them: plain JavaScript, for they run on any Node and
// with almost no environment. Everything is told in lines of JSON at the end of one file.
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

const require = createRequire(import.meta.url);

/** As a browser that was given an address: fetch would say `Sec-Fetch-Mode: cors`, which a callback may refuse. */
const navigation = {
  Accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'Sec-Fetch-Dest': 'document',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Site': 'cross-site',
  'Upgrade-Insecure-Requests': '1',
};

/** One request, no redirect followed; any certificate will do. */
export function navigate(url, { method = 'GET', headers = {}, body, timeout = 20_000 } = {}) {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? requestHttps : requestHttp;
    const all = { ...navigation, Connection: 'close', ...headers };
    const options = { method, headers: all, agent: false, timeout, rejectUnauthorized: false };
    const request = send(url, options, (response) => {
      const chunks = [];
      response.on('error', reject);
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode: status, headers: fields } = response;
        resolve({ url, status, headers: fields, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeout} ms`)));
    request.on('error', reject);
    request.end(body);
  });
}

/** See browser-program.d.mts. */
export async function followSignIn(url, options = {}) {
  const { deny = false, login = 'alice', stopBeforeCallback = false, onPage = () => {} } = options;
  const { CookieJar } = require('tough-cookie');
  const jar = options.jar ?? new CookieJar();
  const pages = [];
  const go = async (target, init = {}) => {
    const cookie = await jar.getCookieString(target);
    const headers = { ...init.headers, ...(cookie && { Cookie: cookie }) };
    const page = await navigate(target, { ...init, headers });
    for (const one of page.headers['set-cookie'] ?? []) await jar.setCookie(one, target).catch(() => {});
    pages.push(page);
    onPage(page);
    return page;
  };
  const redirectUri = new URL(url).searchParams.get('redirect_uri');
  let page = await go(url);
  for (let steps = 0; steps < 25; steps++) {
    const { location } = page.headers;
    if (page.status >= 300 && page.status < 400 && location !== undefined) {
      const target = new URL(location, page.url).href;
      if (!isCallback(target, redirectUri)) page = await go(target);
      else if (stopBeforeCallback) return { pages, callback: target };
      else return { pages, callback: target, result: await go(target) };
    } else {
      const next = nextStep(page, { deny, login });
      if (next === undefined) return { pages, callback: undefined, result: page };
      page = await go(next.url, next.init);
    }
  }
  throw new Error(`more than 25 steps, the last at ${page.url}`);
}

function isCallback(url, redirectUri) {
  const { searchParams } = new URL(url);
  if (redirectUri !== null) return url.startsWith(redirectUri);
  return searchParams.has('state') && (searchParams.has('code') || searchParams.has('error'));
}

/** The one form of a page of oidc-provider: login or consent. */
function nextStep({ body, url }, { deny, login }) {
  const abort = /href="([^"]+\/abort)"/.exec(body)?.[1];
  if (deny && abort) return { url: new URL(abort, url).href };
  const action = /<form[^>]* action="([^"]+)"/.exec(body)?.[1];
  if (!action) return undefined;
  const hidden = [...body.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  const fields = new URLSearchParams(hidden.map(([, name, value]) => [name, value]));
  if (body.includes('name="login"')) fields.set('login', login);
  if (body.includes('name="password"')) fields.set('password', 'correct horse');
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  return { url: new URL(action, url).href, init: { method: 'POST', headers, body: fields.toString() } };
}

/** Runs as the program, with the settings that are written into it. */
export async function run(settings) {
  const [, script, ...argv] = process.argv;
  const tell = (event, more = {}) =>
    appendFileSync(settings.log, `${JSON.stringify({ event, time: Date.now(), ...more })}\n`);
  if (process.env.BROWSER_DETACHED === undefined) {
    tell('opened', { argv, pid: process.pid, env: process.env });
    if (settings.detaches) {
      const env = { ...process.env, BROWSER_DETACHED: '1' };
      const child = spawn(process.execPath, [script, ...argv], { detached: true, stdio: 'ignore', env });
      tell('started', { pid: child.pid });
      return child.unref();
    }
  }
  if (settings.hangs) return setInterval(() => {}, 60_000);
  if (settings.exitCode !== undefined) process.exit(settings.exitCode);
  if (settings.mode === 'record') return;
  await delay(settings.delay ?? 0);
  try {
    if (settings.mode === 'follow') {
      const onPage = ({ url, status, headers, body }) => tell('page', { url, status, headers, body });
      const { result, callback } = await followSignIn(argv.at(-1), { ...settings, onPage });
      tell('done', { callback, result });
    } else tell('done', await visitWithChromium(argv.at(-1), settings, tell));
  } catch (error) {
    tell('failed', { error: `${error}` });
    process.exitCode = 1;
  }
}

async function visitWithChromium(url, settings, tell) {
  const { chromium } = require('playwright-core');
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  const browser = await chromium.launch({ executablePath: settings.executable, args });
  try {
    const { colorScheme = 'light', scripts = true, deny = false, login = 'alice', screenshot } = settings;
    const context = await browser.newContext({
      colorScheme,
      ignoreHTTPSErrors: true,
      javaScriptEnabled: scripts,
      viewport: { width: 900, height: 600 },
    });
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    let response;
    page.on('response', (one) => {
      if (!one.request().isNavigationRequest()) return;
      response = one;
      tell('page', { url: one.url(), status: one.status() });
    });
    // Violations of the content security policy are reported here too.
    page.on('console', (message) => tell('console', { type: message.type(), text: message.text() }));
    page.on('pageerror', (error) => tell('pageerror', { text: error.message }));
    await page.goto(url);
    const redirectUri = new URL(url).searchParams.get('redirect_uri');
    const isDone = () => isCallback(page.url(), redirectUri);
    for (let steps = 0; steps < 5 && !isDone(); steps++) {
      if (await page.locator('input[name=login]').count()) await page.fill('input[name=login]', login);
      const password = page.locator('input[type=password]');
      if (await password.count()) await password.fill('correct horse');
      const abort = page.locator('a[href$="/abort"]').first();
      const next = deny && (await abort.count()) ? abort : page.locator('button[type=submit]').first();
      if (!(await next.count())) break;
      const before = page.url();
      await next.click();
      // The callback may take as long as the token exchange does.
      await page.waitForURL(({ href }) => href !== before, { timeout: 20_000 });
    }
    await page.waitForLoadState('load');
    if (screenshot !== undefined) await page.screenshot({ path: screenshot });
    const style = await page.locator('body').evaluate((body) => {
      const { backgroundColor, color } = body.ownerDocument.defaultView.getComputedStyle(body);
      return { backgroundColor, color };
    });
    return {
      callback: isDone() ? page.url() : undefined,
      result: {
        url: page.url(),
        status: response?.status(),
        headers: (await response?.allHeaders()) ?? {},
        body: await page.content(),
        title: await page.title(),
        // biome-ignore lint/performance/useDomNodeTextContent: what a person sees is wanted
        text: await page.locator('body').innerText(),
        style,
      },
    };
  } finally {
    await browser.close();
  }
}
