import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { makeTempFolder } from './temp-folder.ts';

/** The start file of the built command; `BRIDGE_UNDER_TEST` names another one, such as that of an installed package. */
export const bridgeFile =
  process.env.BRIDGE_UNDER_TEST ?? fileURLToPath(new URL('../../bin/mcp-drawbridge.js', import.meta.url));

export type Environment = Record<string, string | undefined>;

/** A home that no other bridge has; undefined outside of a test, where servers are started and no bridges. */
function freshHome(): string | undefined {
  let folder: string | undefined;
  try {
    onTestFinished(() => {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });
  } catch {
    return undefined;
  }
  folder = makeTempFolder();
  return join(folder, 'home');
}

/**
 * The environment a bridge is started with: what a desktop client hands on, without this machine's own proxies,
 * certificates and options, and with the changes given (undefined removes a variable). Each has a home of its own,
 * and opens no window: `signInSetup` is for tests that want more.
 */
export function bridgeEnvironment(changes: Environment = {}): Record<string, string> {
  const base: Environment = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    LANG: 'C.UTF-8',
    TMPDIR: process.env.TMPDIR,
    BROWSER: 'true',
    // Not the keychain of whoever runs the tests.
    MCP_DRAWBRIDGE_STORE: 'file',
    ...changes,
    MCP_DRAWBRIDGE_HOME: 'MCP_DRAWBRIDGE_HOME' in changes ? changes.MCP_DRAWBRIDGE_HOME : freshHome(),
  };
  return Object.fromEntries(
    Object.entries(base).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
