import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type CallbackReply, CallbackServer } from '../../src/authorization/browser/callback-server.ts';
import type { PageFacts, PageName } from '../../src/authorization/browser/pages.ts';
import { browserFile, launchBrowser } from '../support/chromium.ts';

const names: PageName[] = [
  'signed-in',
  'failed',
  'refused-by-user',
  'unknown-callback',
  'still-working',
  'too-many',
];
const facts: PageFacts = {
  server: 'https://mcp.example.com/mcp',
  issuer: 'https://login.example.com',
  reason: 'code-refused',
};
const desktop = { width: 1280, height: 800 };
const phone = { width: 320, height: 568 };
/** A folder for pictures, to look at the pages. */
const { SCREENSHOTS } = process.env;

describe.skipIf(!browserFile)('the pages in a real browser [40, T40]', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
    return () => browser.close();
  });

  /** Shows a page as the callback does, and gives it with all that the browser complained of. */
  async function show(name: PageName, options: BrowserContextOptions, told: PageFacts = facts) {
    const onCallback = (): CallbackReply => ({ kind: 'page', page: name, facts: told });
    const server = await CallbackServer.listen({ host: '127.0.0.1', port: 0, path: '/callback', onCallback });
    const context = await browser.newContext(options);
    onTestFinished(async () => {
      await context.close();
      await server.close();
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    // Of a status of 400 it tells too, whatever the page.
    page.on('console', (message) => {
      if (!/responded with a status of 4\d\d/.test(message.text())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('requestfailed', (request) => complaints.push(request.url()));
    await page.goto(`${server.redirectUri}?code=c&state=s`);
    return { page, complaints };
  }

  describe.each(names)('%s', (name) => {
    test('light and dark, wide and narrow: styled, legible, nothing cut off', async () => {
      const { page, complaints } = await show(name, {});
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const viewport of [desktop, phone]) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize(viewport);
          const { overflow, radius, ground, contrasts } = await page.evaluate(measure);
          expect(overflow).toBeLessThanOrEqual(0);
          expect(radius).toBe('16px');
          expect(ground > 0.5).toBe(colorScheme === 'light');
          expect(contrasts.length).toBeGreaterThan(4);
          // WCAG 2.2, 1.4.3
          for (const { text, contrast } of contrasts) expect(contrast, text).toBeGreaterThanOrEqual(4.5);
          await picture(page, `${name}-${colorScheme}-${viewport.width}`);
        }
      }
      expect(complaints).toEqual([]);
    });

    test('without scripts it is the same', async () => {
      const { page, complaints } = await show(name, { javaScriptEnabled: false, viewport: desktop });
      const box = await page.getByRole('main').boundingBox();
      expect(complaints).toEqual([]);
      expect(box?.width).toBe(460);
      expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
    });
  });

  test('a host of the greatest length breaks into lines', async () => {
    const server = `${'long-label-of-a-host.'.repeat(11)}example`;
    const { page } = await show('signed-in', { viewport: phone }, { server });
    expect((await page.evaluate(measure)).overflow).toBeLessThanOrEqual(0);
    expect(await page.getByRole('definition').textContent()).toBe(server);
    await picture(page, 'long-host');
  });

  test('in a low window its top can be reached', async () => {
    const { page } = await show('failed', { viewport: { width: 640, height: 200 } });
    expect((await page.getByRole('banner').boundingBox())?.y).toBeGreaterThanOrEqual(0);
  });
});

async function picture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** Runs in the page. */
function measure() {
  // biome-ignore lint/suspicious/noExplicitAny: the types of the DOM are not those of this project
  const { document, getComputedStyle } = globalThis as any;
  const rgb = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string) => {
    const [r = 0, g = 0, b = 0] = rgb(color).map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const groundOf = (element: any): string => {
    const color = getComputedStyle(element).backgroundColor;
    return rgb(color)[3] === 0 && element.parentElement ? groundOf(element.parentElement) : color;
  };
  const texts = [...document.querySelectorAll('header, h1, p, dt, dd, footer')];
  return {
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    radius: getComputedStyle(document.querySelector('main')).borderTopLeftRadius,
    ground: luminance(getComputedStyle(document.body).backgroundColor),
    contrasts: texts.map((element) => {
      const [dark = 0, light = 0] = [getComputedStyle(element).color, groundOf(element)]
        .map(luminance)
        .sort((a, b) => a - b);
      return { text: element.textContent, contrast: (light + 0.05) / (dark + 0.05) };
    }),
  };
}
