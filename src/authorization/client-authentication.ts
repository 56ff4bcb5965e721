import { constants, randomUUID, sign } from 'node:crypto';
import type { ClientIdentity } from '../credentials/record.ts';
import { DrawbridgeError } from '../errors.ts';
import {
  type ClientKeyAlgorithm,
  type ClientKeySettings,
  clientKeyAlgorithms,
  type SignInSettings,
} from '../settings.ts';
import { algorithmsOf, type ClientKey, readClientKey } from './client-key.ts';
import type { AuthorizationServerMetadata } from './metadata.ts';
import { chooseAuthMethod } from './registration.ts';
import type { TokenClient } from './token-endpoint.ts';

/** How long an assertion is good for, in seconds [110]. */
const LIFE = 60;

type Named = Pick<AuthorizationServerMetadata, 'issuer' | 'tokenEndpoint'>;

/**
 * The client that the user has registered beforehand, as an authorization server is to know it: by its key, by its
 * secret, or by its id alone.
 *
 * @throws DrawbridgeError `usage` where the key can't be used; `sign-in-refused` where the server takes none like it
 */
export async function configuredClient(
  signIn: Pick<SignInSettings, 'clientSecret' | 'clientKey' | 'clientAuthMethod'> & { clientId: string },
  server: AuthorizationServerMetadata,
): Promise<TokenClient> {
  const { clientId: id, clientSecret, clientKey, clientAuthMethod } = signIn;
  const identity = { id, source: 'configured' } as const;
  if (clientKey) {
    const key = await readClientKey(clientKey);
    const algorithm = chooseAlgorithm(key, clientKey, server);
    const settings = { ...clientKey, algorithm };
    return withProof({ ...identity, authMethod: 'private_key_jwt', key: settings }, signIn, server);
  }
  if (clientSecret === undefined) return { ...identity, authMethod: 'none' };
  const authMethod = clientAuthMethod ?? chooseAuthMethod(server.tokenEndpointAuthMethods, true);
  return { ...identity, authMethod, secret: clientSecret };
}

/**
 * A client of a record with what proves it now: secrets and keys are renewed, and no key is in a record, but its place.
 * Clients that the user has not named are left as they are.
 *
 * @param server where its assertions go
 */
export function withProof(
  client: ClientIdentity,
  { clientSecret: secret, clientKey }: Pick<SignInSettings, 'clientSecret' | 'clientKey'>,
  server: Named,
): TokenClient {
  if (client.source !== 'configured') return client;
  const { secret: oldSecret, key: oldKey, ...rest } = client;
  const key = clientKey ?? (secret === undefined && oldKey ? { ...oldKey, algorithm: undefined } : undefined);
  if (key) {
    // What was found to suit both, unless the key is of another kind by now.
    const assert = (): Promise<string> => signAssertion(client.id, key, oldKey?.algorithm, server);
    return { ...rest, key: oldKey ?? key, authMethod: 'private_key_jwt', assert };
  }
  const proof = secret ?? oldSecret;
  if (proof === undefined) return client;
  const authMethod = client.authMethod === 'private_key_jwt' ? 'client_secret_basic' : client.authMethod;
  return { ...rest, secret: proof, authMethod };
}

/** What of a client is kept: not how its assertions are signed. */
export function identityOf({ assert: _key, binding: _proof, ...identity }: TokenClient): ClientIdentity {
  return identity;
}

/**
 * The algorithm for a key: the one that was given, else the key's own, else the first that both can.
 *
 * @throws DrawbridgeError `usage` or `sign-in-refused`
 */
function chooseAlgorithm(
  key: ClientKey,
  settings: ClientKeySettings,
  server: AuthorizationServerMetadata,
): ClientKeyAlgorithm {
  const able = algorithmsOf(key, settings);
  const offered = server.tokenEndpointAuthAlgorithms;
  const found = offered ? able.find((algorithm) => offered.includes(algorithm)) : able[0];
  if (found) return found;
  const taken = clientKeyAlgorithms.filter((algorithm) => offered?.includes(algorithm)).join(', ');
  throw new DrawbridgeError(
    'sign-in-refused',
    `${new URL(server.issuer).host} takes no assertion that is signed with ${able.join(' or ')}, but ${taken || 'other algorithms'}; register a key for that there, or give another --client-key-alg.`,
  );
}

/** A fresh assertion of who the client is (RFC 7523 section 3), with its audience as a single string [X-04, 110]. */
async function signAssertion(
  id: string,
  settings: ClientKeySettings,
  preferred: ClientKeyAlgorithm | undefined,
  { issuer, tokenEndpoint }: Named,
): Promise<string> {
  const key = await readClientKey(settings);
  const able = algorithmsOf(key, settings);
  const algorithm = able.find((name) => name === preferred) ?? (able[0] as ClientKeyAlgorithm);
  const named: Readonly<Record<string, string>> = { issuer, 'token-endpoint': tokenEndpoint };
  const now = Math.floor(Date.now() / 1000);
  const kid = settings.id ?? key.id;
  const content = [
    { alg: algorithm, typ: 'JWT', ...(kid !== undefined && { kid }) },
    {
      iss: id,
      sub: id,
      aud: named[settings.audience] ?? settings.audience,
      jti: randomUUID(),
      iat: now,
      exp: now + LIFE,
    },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${content}.${signatures[algorithm](Buffer.from(content), key).toString('base64url')}`;
}

/** RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1. */
const signatures: Readonly<Record<ClientKeyAlgorithm, (content: Buffer, key: ClientKey) => Buffer>> = {
  RS256: (content, { key }) => sign('sha256', content, key),
  PS256: (content, { key }) =>
    sign('sha256', content, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
  ES256: (content, { key }) => sign('sha256', content, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (content, { key }) => sign(null, content, key),
};
