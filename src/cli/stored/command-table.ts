import { buildSettings } from '../build-settings.ts';
import type { OptionDefinition, OptionValues } from '../options.ts';

/** A switch that only one of these commands has. */
export interface OwnOption {
  name: 'json' | 'all' | 'yes';
  help: string;
}

interface StoredCommand {
  name: 'status' | 'logout' | 'token';
  argument: '[url]' | '<url>';
  help: string;
  own: readonly OwnOption[];
  /** Which options of the bridge it takes. */
  shared: (option: OptionDefinition) => boolean;
  /**
   * @param given options of the bridge
   * @returns the exit code
   */
  run: (
    url: string | undefined,
    given: OptionValues,
    has: (option: OwnOption['name']) => boolean,
  ) => Promise<number>;
}

/** The commands about what is stored, as data for the fast parser and for commander. */
export const storedCommands: readonly StoredCommand[] = [
  {
    name: 'status',
    argument: '[url]',
    help: 'show the stored sign-ins: servers, scopes, when they end, where the secrets are kept; no secret',
    own: [{ name: 'json', help: 'Print one JSON document' }],
    shared: ({ name }) => name === 'profile',
    run: async (url, given, has) => (await import('./status.ts')).runStatus(url, given, has('json')),
  },
  {
    name: 'logout',
    argument: '[url]',
    help: 'revoke a stored sign-in at the authorization server, and delete it here in any case',
    own: [
      { name: 'all', help: 'Sign out of every server, in every profile' },
      { name: 'yes', help: 'With --all: do not ask' },
    ],
    shared: ({ name }) => ['profile', 'connect-timeout', 'ca-file', 'ipv4'].includes(name),
    run: async (url, given, has) =>
      (await import('./logout.ts')).runLogout({ url, all: has('all'), yes: has('yes'), given }),
  },
  {
    name: 'token',
    argument: '<url>',
    help: 'print a valid access token and nothing else, renewed first where needed; it is a secret: keep it out of logs',
    own: [],
    shared: ({ group }) => group !== 'Tools',
    run: async (url, given) =>
      (await import('../token.ts')).runToken(buildSettings(url as string, given, process.env)),
  },
];
