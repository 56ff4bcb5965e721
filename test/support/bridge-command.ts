import { fileURLToPath } from 'node:url';

/** The start file of the built command; `BRIDGE_UNDER_TEST` names another one, such as that of an installed package. */
export const bridgeFile =
  process.env.BRIDGE_UNDER_TEST ?? fileURLToPath(new URL('../../bin/mcp-drawbridge.js', import.meta.url));

export type Environment = Record<string, string | undefined>;

/**
 * The environment a bridge is started with: what a desktop client hands on, without this machine's own proxies,
 * certificates and options, and with the changes given (undefined removes a variable).
 */
export function bridgeEnvironment(changes: Environment = {}): Record<string, string> {
  const base: Environment = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    LANG: 'C.UTF-8',
    TMPDIR: process.env.TMPDIR,
    ...changes,
  };
  return Object.fromEntries(
    Object.entries(base).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
