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
  add('client-id', signIn.clientId);
  add('scope', signIn.scope);
  return words.map(quote).join(' ');
}

function quote(word: string): string {
  return /^[\w@%+=:,./…?&~-]+$/.test(word) && !/[?&]/.test(word)
    ? word
    : `"${word.replace(/["\\$`]/g, '\\$&')}"`;
}
