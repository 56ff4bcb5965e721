import type { OptionValues } from '../../../src/cli/options.ts';

const withKey = { 'client-id': 'me', 'client-key': '/keys/me.pem' };
const identityProvider = { 'idp-issuer': 'https://idp.test', 'idp-client-id': 'us', 'client-id': 'me' };

/** What has to be given besides an option: a secret is nothing without the client that it is of. */
export const needed: Readonly<Record<string, OptionValues>> = {
  'client-secret': { 'client-id': 'me' },
  'client-key': { 'client-id': 'me' },
  'client-key-alg': withKey,
  'client-key-id': withKey,
  'client-assertion-audience': withKey,
  'client-credentials': withKey,
  'token-endpoint': { ...withKey, 'client-credentials': true },
  'idp-issuer': { 'idp-client-id': 'us', 'client-id': 'me' },
  'idp-client-id': { 'idp-issuer': 'https://idp.test', 'client-id': 'me' },
  'idp-client-secret': identityProvider,
  'idp-token-endpoint': identityProvider,
  'id-token-file': identityProvider,
};

/** The same as words of a command line. */
export function neededWords(name: string): string[] {
  return Object.entries(needed[name] ?? {}).flatMap(([option, value]) =>
    value === true ? [`--${option}`] : [`--${option}`, String(value)],
  );
}
