import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Environment } from './bridge-command.ts';
import { type Browser, recordingBrowser } from './browsers.ts';
import { processesWith } from './processes.ts';
import { tempFolder } from './temp-folder.ts';

export interface SignInSetup {
  /** MCP_DRAWBRIDGE_HOME: a folder that does not exist yet, inside one that goes when the test ends. */
  home: string;
  browser: Browser;
  /** For `startBridge`, `runCommand` and `connectClient`. */
  env: Environment;
}

/**
 * What a test of the sign-in gives to its bridges: a home of its own, which several may share, and a browser, which
 * only records unless another is given. A sign-in that has outlived its bridge is ended with the test (Linux).
 */
export function signInSetup(browser = recordingBrowser(), more: Environment = {}): SignInSetup {
  const home = join(tempFolder(), 'home');
  const noDesktop = { DISPLAY: undefined, WAYLAND_DISPLAY: undefined };
  onTestFinished(() => {
    for (const pid of signInProcesses({ home, browser })) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {} // it has ended meanwhile
    }
  });
  const env = { MCP_DRAWBRIDGE_HOME: home, BROWSER: browser.program, ...noDesktop, ...more };
  return { home, browser, env };
}

/** The processes of the bridges that were given this setup, and of what they have started (Linux). */
export function signInProcesses({ home, browser }: Pick<SignInSetup, 'home' | 'browser'>): number[] {
  return [...new Set([...processesWith(home), ...processesWith(browser.program)])];
}

/** The files below a folder, with their bytes as Latin-1 text; none where there is no folder. */
function filesIn(folder: string): { path: string; bytes: string }[] {
  const names = (() => {
    try {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' });
    } catch {
      return [];
    }
  })();
  return names.flatMap((name) => {
    const path = join(folder, name);
    try {
      return lstatSync(path).isFile() ? [{ path, bytes: readFileSync(path, 'latin1') }] : [];
    } catch {
      return []; // a temporary file that is gone by now
    }
  });
}

/** The secrets (at least one is wanted) that stand in a file of this home, in its name, or in one of these outputs. */
export function findSecrets(secrets: string[], home: string, ...outputs: string[]): string[] {
  expect(secrets.length, 'secrets to look for').toBeGreaterThan(0);
  const places = [
    ...filesIn(home).flatMap(({ path, bytes }) => [
      { name: path, text: bytes },
      { name: `the name ${path}`, text: path },
    ]),
    ...outputs.map((text, index) => ({ name: `output ${index}`, text })),
  ];
  return secrets.flatMap((secret) => {
    const base64 = Buffer.from(secret).toString('base64').replaceAll('=', '');
    const forms = [secret, encodeURIComponent(secret), base64];
    return places
      .filter(({ text }) => forms.some((form) => text.includes(form)))
      .map(({ name }) => `${secret} in ${name}`);
  });
}
