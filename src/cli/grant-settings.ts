import { resolve } from 'node:path';
import {
  type ClientKeySettings,
  clientKeyAlgorithms,
  dpopChoices,
  type GrantChoice,
  type IdentityProviderSettings,
  type SignInSettings,
  type WorkloadTokenSource,
} from '../settings.ts';
import { splitCommand } from './command-words.ts';
import type { OptionReader } from './option-reader.ts';
import { readExpanded, readHttpsUrl, unsafe } from './sign-in-values.ts';

type GrantSettings = Pick<
  SignInSettings,
  'clientKey' | 'grant' | 'tokenEndpoint' | 'workloadToken' | 'identityProvider' | 'useIdToken' | 'dpop'
>;

/** The options that choose a grant. Two of different grants, or of the same one where it is listed twice, contradict. */
const choosers: readonly [option: string, grant: GrantChoice][] = [
  ['device-code', 'user'],
  ['client-credentials', 'client-credentials'],
  ['workload-token-file', 'workload'],
  ['workload-token-command', 'workload'],
  ['idp-issuer', 'enterprise'],
  ['idp-token-endpoint', 'enterprise'],
  ['idp-client-id', 'enterprise'],
  ['idp-client-secret', 'enterprise'],
  ['id-token-file', 'enterprise'],
];

/**
 * By what tokens are got and how the client proves itself, from the options; what contradicts itself is refused.
 *
 * @param env where `${VAR}` is looked up
 * @throws DrawbridgeError `usage`
 */
export function readGrantSettings(
  read: OptionReader,
  env: NodeJS.ProcessEnv,
  clientId: string | undefined,
  clientSecret: string | undefined,
): GrantSettings {
  const grant = chooseGrant(read);
  const clientKey = readClientKey(read);
  if (clientKey && clientId === undefined) read.fail('client-key', 'needs --client-id as well');
  for (const other of ['client-secret', 'client-auth-method'])
    if (clientKey && read.text(other) !== undefined) read.fail('client-key', `contradicts --${other}`);
  if (grant === 'client-credentials' && (clientId === undefined || !(clientKey ?? clientSecret)))
    read.fail('client-credentials', 'needs --client-id, and --client-key or --client-secret');
  const tokenEndpoint = readHttpsUrl(read, 'token-endpoint', false);
  if (tokenEndpoint !== undefined && grant !== 'client-credentials' && grant !== 'workload')
    read.fail('token-endpoint', 'needs --client-credentials, or the JWT of a workload');
  const useIdToken = read.flag('use-id-token');
  const dpop = read.choice('dpop', dpopChoices, 'auto');
  if (useIdToken && grant !== 'user')
    read.fail('use-id-token', 'needs a sign-in of a user, who is whom an ID token tells of');
  if (useIdToken && dpop === 'on') read.fail('use-id-token', 'contradicts --dpop on: no key is bound to it');
  return {
    grant,
    clientKey,
    tokenEndpoint,
    workloadToken: grant === 'workload' ? readWorkloadToken(read) : undefined,
    identityProvider: grant === 'enterprise' ? readIdentityProvider(read, env, clientId) : undefined,
    useIdToken,
    dpop,
  };
}

function chooseGrant(read: OptionReader): GrantChoice {
  const given = choosers.filter(([option]) =>
    option === 'device-code' || option === 'client-credentials'
      ? read.flag(option)
      : read.text(option) !== undefined,
  );
  const [first, ...rest] = given;
  if (!first) return 'user';
  const [option, grant] = first;
  // The options of an identity provider go together; of the others one is enough.
  const other = rest.find(([, another]) => another !== grant || grant !== 'enterprise');
  return other ? read.fail(other[0], `contradicts --${option}`) : grant;
}

function readClientKey(read: OptionReader): ClientKeySettings | undefined {
  const file = read.text('client-key');
  const audience = read.text('client-assertion-audience') ?? 'issuer';
  if (file === undefined) {
    for (const name of ['client-key-alg', 'client-key-id', 'client-assertion-audience'])
      if (read.text(name) !== undefined) read.fail(name, 'needs --client-key as well');
    return undefined;
  }
  const isNamed = audience === 'issuer' || audience === 'token-endpoint';
  if (!isNamed && (!URL.canParse(audience) || unsafe.test(audience)))
    read.fail('client-assertion-audience', 'must be issuer, token-endpoint or an absolute URI');
  const id = read.text('client-key-id');
  if (id !== undefined && !/^[\x20-\x7e]{1,256}$/.test(id))
    read.fail('client-key-id', 'must be visible ASCII');
  return {
    file: resolve(file),
    algorithm:
      read.text('client-key-alg') === undefined
        ? undefined
        : read.choice('client-key-alg', clientKeyAlgorithms, 'RS256'),
    id,
    audience,
  };
}

function readWorkloadToken(read: OptionReader): WorkloadTokenSource {
  const file = read.text('workload-token-file');
  if (file !== undefined) return { file: resolve(file) };
  const command = splitCommand(read.text('workload-token-command') ?? '');
  return command?.[0]
    ? { command }
    : read.fail('workload-token-command', 'holds no command, or a quote that is not closed');
}

function readIdentityProvider(
  read: OptionReader,
  env: NodeJS.ProcessEnv,
  clientId: string | undefined,
): IdentityProviderSettings {
  const needs = (name: string, what: string): never => read.fail(name, `needs ${what} as well`);
  const given = choosers.find(([option, grant]) => grant === 'enterprise' && read.text(option) !== undefined);
  const [name] = given as [string, GrantChoice];
  const issuer = readHttpsUrl(read, 'idp-issuer', false);
  const tokenEndpoint = readHttpsUrl(read, 'idp-token-endpoint', false);
  const file = read.text('id-token-file');
  if (issuer === undefined && (tokenEndpoint === undefined || file === undefined))
    needs(name, '--idp-issuer, or --idp-token-endpoint and --id-token-file');
  const idpClientId = readExpanded(read, 'idp-client-id', env) ?? needs(name, '--idp-client-id');
  // Who is not registered at the server's authorization server is known there by a document.
  if (clientId === undefined && read.text('client-metadata-url') === undefined)
    needs(name, '--client-id or --client-metadata-url');
  return {
    issuer,
    clientId: idpClientId,
    clientSecret: readExpanded(read, 'idp-client-secret', env),
    tokenEndpoint,
    idTokenFile: file === undefined ? undefined : resolve(file),
  };
}
