import { isLoopback } from '../../platform/url-policy.ts';
import type { Settings } from '../../settings.ts';

/** The command that signs in from a terminal with the same connection's settings; no secret is in it. */
export function loginCommand({ url, signIn }: Pick<Settings, 'url' | 'signIn'>): string {
  // A query may hold a key; whoever knows it will put it back.
  const words = [
    'npx',
    '-y',
    'mcp-drawbridge',
    'login',
    url.search ? `${url.origin}${url.pathname}?…` : url.href,
  ];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) words.push(`--${name}`, value);
  };
  add('profile', signIn.profile === 'default' ? undefined : signIn.profile);
  const addFlag = (name: string, isSet: boolean): void => {
    if (isSet) words.push(`--${name}`);
  };
  add('client-id', signIn.clientId);
  add('client-metadata-url', signIn.clientMetadataUrl);
  add('issuer', signIn.issuer);
  add('scope', signIn.scope);
  add('resource', signIn.resource ?? undefined);
  addFlag('no-resource', signIn.resource === null);
  addFlag('allow-missing-pkce', signIn.allowMissingPkce);
  addFlag('allow-http', url.protocol === 'http:' && !isLoopback(url));
  return words.map(quote).join(' ');
}

function quote(word: string): string {
  return /^[\w@%+=:,./…?&~-]+$/.test(word) && !/[?&]/.test(word)
    ? word
    : `"${word.replace(/["\\$`]/g, '\\$&')}"`;
}
