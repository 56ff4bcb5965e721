import { isLoopback } from '../../platform/url-policy.ts';
import type { ClientKeySettings, Settings, WorkloadTokenSource } from '../../settings.ts';

export type LoginWay = '--with-token' | '--no-browser' | '--device-code';

/**
 * The command that signs in from a terminal with the same connection's settings; no secret is in it.
 *
 * @param way how, where the settings do not say it
 */
export function loginCommand(settings: Pick<Settings, 'url' | 'signIn' | 'behalf'>, way?: LoginWay): string {
  const { url, signIn } = settings.behalf ?? settings;
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
  // A token that is there already has to do with none of these.
  if (way !== '--with-token') {
    add('client-id', signIn.clientId);
    // A secret has to be filled in.
    add('client-secret', signIn.clientSecret === undefined || signIn.grant === 'user' ? undefined : '…');
    addKey(add, signIn.clientKey);
    addFlag('client-credentials', signIn.grant === 'client-credentials');
    add('token-endpoint', signIn.tokenEndpoint);
    addWorkload(add, signIn.workloadToken);
    add('client-metadata-url', signIn.clientMetadataUrl);
    const { identityProvider } = signIn;
    add('idp-issuer', identityProvider?.issuer);
    add('idp-client-id', identityProvider?.clientId);
    add('idp-token-endpoint', identityProvider?.tokenEndpoint);
    add('id-token-file', identityProvider?.idTokenFile);
    // Registered with the client, so another one would be refused.
    if (signIn.clientId !== undefined) add('client-auth-method', signIn.clientAuthMethod);
    const redirected = signIn.grant === 'user' ? signIn.clientId : identityProvider?.clientId;
    if (redirected !== undefined) {
      const { host, port, path } = signIn.callback;
      add('callback-port', port === undefined ? undefined : String(port));
      add('callback-host', host);
      add('callback-path', path === '/callback' ? undefined : path);
    }
    add('issuer', signIn.issuer);
    add('scope', signIn.scope);
    add('resource', signIn.resource ?? undefined);
    addFlag('no-resource', signIn.resource === null);
    addFlag('allow-missing-pkce', signIn.allowMissingPkce);
    addFlag('device-code', way === undefined && signIn.deviceCode);
    addFlag('use-id-token', signIn.useIdToken && !settings.behalf);
    add('dpop', signIn.dpop === 'auto' ? undefined : signIn.dpop);
  }
  addFlag('allow-http', url.protocol === 'http:' && !isLoopback(url));
  if (way !== undefined) words.push(way);
  return words.map(quote).join(' ');
}

type Add = (name: string, value: string | undefined) => void;

function addKey(add: Add, key: ClientKeySettings | undefined): void {
  add('client-key', key?.file);
  add('client-key-alg', key?.algorithm);
  add('client-key-id', key?.id);
  add('client-assertion-audience', key?.audience === 'issuer' ? undefined : key?.audience);
}

function addWorkload(add: Add, source: WorkloadTokenSource | undefined): void {
  if (source && 'file' in source) add('workload-token-file', source.file);
  if (source && 'command' in source) add('workload-token-command', source.command.map(quote).join(' '));
}

function quote(word: string): string {
  return /^[\w@%+=:,./…?&~-]+$/.test(word) && !/[?&]/.test(word)
    ? word
    : `"${word.replace(/["\\$`]/g, '\\$&')}"`;
}
