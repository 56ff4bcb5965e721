import { constants, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { configuredClient, identityOf, withProof } from '../../../src/authorization/client-authentication.ts';
import type { TokenClient } from '../../../src/authorization/token-endpoint.ts';
import type { ClientIdentity } from '../../../src/credentials/record.ts';
import type { ClientKeySettings } from '../../../src/settings.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { ISSUER, publicClient, serverMetadata } from '../helpers/oauth-parts.ts';

const keys = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  smallRsa: generateKeyPairSync('rsa', { modulusLength: 1024 }),
  pss: generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ed25519: generateKeyPairSync('ed25519'),
};
type Kind = keyof typeof keys;

function fileWith(text: string): string {
  const path = join(tempFolder(), 'key');
  writeFileSync(path, text);
  return path;
}

const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8'): string =>
  key.export({ format: 'pem', type: type as 'pkcs8' }).toString();
const jwk = (key: KeyObject, more: object = {}): object => ({ ...key.export({ format: 'jwk' }), ...more });

function settingsOf(file: string, more: Partial<ClientKeySettings> = {}): ClientKeySettings {
  return { file, algorithm: undefined, id: undefined, audience: 'issuer', ...more };
}

const signInOf = (clientKey: ClientKeySettings | undefined, clientSecret?: string) => ({
  clientId: 'machine',
  clientSecret,
  clientKey,
});

async function clientOf(file: string, more: Partial<ClientKeySettings> = {}, server = serverMetadata()) {
  return configuredClient(signInOf(settingsOf(file, more)), server);
}

async function assertionOf(client: TokenClient): Promise<string> {
  return (await client.assert?.()) ?? expect.unreachable();
}

async function faultOf(promise: Promise<unknown>): Promise<{ reason: string; message: string }> {
  return promise.then(
    () => expect.unreachable('it was taken'),
    (error) => error,
  );
}

describe('an assertion (RFC 7523 section 3)', () => {
  test.each<[Kind, string, string]>([
    ['rsa', 'RS256', pem(keys.rsa.privateKey)],
    ['rsa', 'RS256', pem(keys.rsa.privateKey, 'pkcs1')],
    ['rsa', 'RS256', JSON.stringify(jwk(keys.rsa.privateKey))],
    ['rsa', 'PS256', JSON.stringify(jwk(keys.rsa.privateKey, { alg: 'PS256' }))],
    ['p256', 'ES256', pem(keys.p256.privateKey)],
    ['p256', 'ES256', pem(keys.p256.privateKey, 'sec1')],
    ['p256', 'ES256', JSON.stringify(jwk(keys.p256.privateKey))],
    ['ed25519', 'EdDSA', pem(keys.ed25519.privateKey)],
    ['ed25519', 'EdDSA', `  ${JSON.stringify(jwk(keys.ed25519.privateKey))}\n`],
  ])('[X-04, X-05] by %s is signed with %s, as others verify it', async (kind, alg, text) => {
    const client = await clientOf(fileWith(text));
    expect(client).toMatchObject({ id: 'machine', source: 'configured', authMethod: 'private_key_jwt' });
    const assertion = await assertionOf(client);
    const { payload } = await jwtVerify(assertion, keys[kind].publicKey, { algorithms: [alg] });
    const now = Date.now() / 1000;
    expect(payload).toMatchObject({ iss: 'machine', sub: 'machine', aud: ISSUER });
    expect(decodeProtectedHeader(assertion)).toEqual({ alg, typ: 'JWT' });
    expect(Number(payload.exp) - Number(payload.iat)).toBeLessThanOrEqual(60);
    expect(Math.abs(Number(payload.iat) - now)).toBeLessThan(5);
  });

  test('by a key that is for PS256 alone', async () => {
    const assertion = await assertionOf(await clientOf(fileWith(pem(keys.pss.privateKey))));
    const at = assertion.lastIndexOf('.');
    const key = { key: keys.pss.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const signature = Buffer.from(assertion.slice(at + 1), 'base64url');
    expect(decodeProtectedHeader(assertion).alg).toBe('PS256');
    expect(verify('sha256', Buffer.from(assertion.slice(0, at)), key, signature)).toBe(true);
  });

  test('[110] is another one each time', async () => {
    const client = await clientOf(fileWith(pem(keys.p256.privateKey)));
    const ids = await Promise.all([1, 2, 3].map(async () => decodeJwt(await assertionOf(client)).jti));
    expect(new Set(ids).size).toBe(3);
    expect(ids).not.toContain(undefined);
  });

  test.each([
    ['issuer', ISSUER],
    ['token-endpoint', `${ISSUER}/token`],
    ['urn:as', 'urn:as'],
  ])('[X-04] is for %s, as a single string', async (audience, aud) => {
    const client = await clientOf(fileWith(pem(keys.p256.privateKey)), { audience });
    expect(decodeJwt(await assertionOf(client)).aud).toBe(aud);
  });

  test('[X-05] names the key where that has a name', async () => {
    const file = fileWith(JSON.stringify(jwk(keys.p256.privateKey, { kid: 'own' })));
    expect(decodeProtectedHeader(await assertionOf(await clientOf(file))).kid).toBe('own');
    expect(decodeProtectedHeader(await assertionOf(await clientOf(file, { id: 'given' }))).kid).toBe('given');
  });

  test('of a set of keys the one that is named is taken', async () => {
    const all = [jwk(keys.rsa.privateKey, { kid: 'a' }), jwk(keys.p256.privateKey, { kid: 'b' })];
    const file = fileWith(JSON.stringify({ keys: all }));
    const assertion = await assertionOf(await clientOf(file, { id: 'b' }));
    expect(decodeProtectedHeader(assertion)).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'b' });
    expect((await faultOf(clientOf(file))).message).toContain('several keys; name one with --client-key-id');
    expect((await faultOf(clientOf(file, { id: 'c' }))).message).toContain('no such key');
  });

  test('[X-05] the algorithm is one that the server takes', async () => {
    const file = fileWith(pem(keys.rsa.privateKey));
    const server = serverMetadata({ tokenEndpointAuthAlgorithms: ['ES256', 'PS256'] });
    expect(decodeProtectedHeader(await assertionOf(await clientOf(file, {}, server))).alg).toBe('PS256');
    const other = serverMetadata({ tokenEndpointAuthAlgorithms: ['ES256'] });
    expect(await faultOf(clientOf(file, {}, other))).toMatchObject({
      reason: 'sign-in-refused',
      message: expect.stringContaining('signed with RS256 or PS256, but ES256'),
    });
    const given = await faultOf(clientOf(file, { algorithm: 'RS256' }, server));
    expect(given.message).toContain('signed with RS256, but PS256, ES256');
  });

  test('the key is read at each use: it may have been renewed', async () => {
    const file = fileWith(pem(keys.p256.privateKey));
    const client = await clientOf(file);
    const another = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(file, pem(another.privateKey));
    await jwtVerify(await assertionOf(client), another.publicKey);
    // Even by one of another kind.
    writeFileSync(file, pem(keys.ed25519.privateKey));
    await jwtVerify(await assertionOf(client), keys.ed25519.publicKey);
  });
});

describe('a key that can not be used is told by its file, and nothing of it is shown', () => {
  const secret = pem(keys.rsa.privateKey).split('\n')[1] as string;
  test.each<[string, string]>([
    [pem(keys.smallRsa.privateKey), 'is an RSA key of 1024 bits; 2048 are needed'],
    [pem(keys.p384.privateKey), 'is a key that none of RS256, PS256, ES256, EdDSA takes (ec secp384r1)'],
    [keys.rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString(), 'holds a public key'],
    [JSON.stringify(jwk(keys.rsa.publicKey)), 'holds no private JWK ("d" is missing)'],
    [JSON.stringify({ ...jwk(keys.rsa.privateKey), n: 7 }), 'holds a JWK that is no sound private key'],
    ['{"kty"', 'holds no such key'],
    [
      keys.rsa.privateKey
        .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' })
        .toString(),
      'is encrypted; a key without a passphrase is needed',
    ],
    [
      `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
      'holds no private key in PEM or as a JWK',
    ],
    ['', 'holds no private key in PEM or as a JWK'],
  ])('%#', async (text, message) => {
    const file = fileWith(text);
    const fault = await faultOf(clientOf(file));
    expect(fault).toMatchObject({ reason: 'usage', message: expect.stringContaining(`${message}`) });
    expect(fault.message).toContain(file);
    expect(fault.message).not.toContain(secret);
  });

  test('one that can do something else', async () => {
    const fault = await faultOf(clientOf(fileWith(pem(keys.p256.privateKey)), { algorithm: 'RS256' }));
    expect(fault.message).toContain("can't sign with RS256, but with ES256");
  });

  test.each([
    ['/nonexistent/key.pem', "can't be read (ENOENT)"],
    ['/', 'is not a regular file'],
  ])('%s', async (file, message) => {
    expect(await faultOf(clientOf(file))).toMatchObject({
      reason: 'usage',
      message: expect.stringContaining(`The file of --client-key ${message}`),
    });
  });

  test('one that is far too large', async () => {
    const file = fileWith('x'.repeat(70_000));
    expect((await faultOf(clientOf(file))).message).toContain('is larger than 64 KiB');
  });
});

describe('a client of the user’s own', () => {
  test.each<[string[] | undefined, string | undefined, string]>([
    [undefined, undefined, 'none'],
    [undefined, 's', 'client_secret_basic'],
    [['client_secret_post', 'client_secret_basic'], 's', 'client_secret_basic'],
    [['client_secret_post'], 's', 'client_secret_post'],
  ])('[X-06] where %j is offered and the secret is %s: %s', async (offered, secret, authMethod) => {
    const server = serverMetadata({ tokenEndpointAuthMethods: offered });
    const client = await configuredClient(signInOf(undefined, secret), server);
    expect(client).toEqual({ id: 'machine', source: 'configured', authMethod, ...(secret && { secret }) });
  });

  test('the user has the word on how a secret goes', async () => {
    const server = serverMetadata({ tokenEndpointAuthMethods: ['client_secret_basic'] });
    const signIn = { ...signInOf(undefined, 's'), clientAuthMethod: 'client_secret_post' as const };
    expect((await configuredClient(signIn, server)).authMethod).toBe('client_secret_post');
  });

  test('is kept without what signs for it', async () => {
    const file = fileWith(pem(keys.rsa.privateKey));
    const kept = identityOf(await clientOf(file, { audience: 'token-endpoint' }));
    expect(kept).toEqual({
      id: 'machine',
      source: 'configured',
      authMethod: 'private_key_jwt',
      key: { file, algorithm: 'RS256', id: undefined, audience: 'token-endpoint' },
    });
    expect(JSON.stringify(kept)).not.toContain('PRIVATE');
  });
});

describe('a client that is kept, with what proves it now', () => {
  const server = { issuer: ISSUER, tokenEndpoint: `${ISSUER}/token` };
  const configured: ClientIdentity = {
    id: 'c',
    source: 'configured',
    authMethod: 'client_secret_post',
    secret: 'old',
  };
  const none = { clientSecret: undefined, clientKey: undefined };

  test.each<[string, ClientIdentity, string | undefined, object]>([
    ['a newer secret', configured, 'new', { ...configured, secret: 'new' }],
    ['its own, where none is given', configured, undefined, configured],
    [
      'a secret that it was registered without',
      { ...configured, authMethod: 'none' },
      'new',
      { authMethod: 'none' },
    ],
    ['nothing of the user’s where it was registered by itself', publicClient, 'new', publicClient],
  ])('%s', (_name, client, clientSecret, expected) => {
    expect(withProof(client, { ...none, clientSecret }, server)).toMatchObject(expected);
  });

  test('by the key where it was a secret before, and the other way round', async () => {
    const file = fileWith(pem(keys.p256.privateKey));
    const keyed = withProof(configured, { ...none, clientKey: settingsOf(file) }, server);
    expect(keyed).toMatchObject({ authMethod: 'private_key_jwt' });
    expect(keyed.secret).toBeUndefined();
    await jwtVerify(await assertionOf(keyed), keys.p256.publicKey);
    const secret = withProof(identityOf(keyed), { ...none, clientSecret: 'new' }, server);
    expect(secret).toEqual({
      id: 'c',
      source: 'configured',
      authMethod: 'client_secret_basic',
      secret: 'new',
    });
  });

  test('by the key that was used, where no option names one: at a sign-out', async () => {
    const file = fileWith(pem(keys.rsa.privateKey));
    const kept = identityOf(await clientOf(file, { algorithm: 'PS256', id: 'k' }));
    const assertion = await assertionOf(withProof(kept, none, server));
    expect(decodeProtectedHeader(assertion)).toEqual({ alg: 'PS256', typ: 'JWT', kid: 'k' });
  });

  test('with the algorithm that was found to suit the server, as long as the key can do it', async () => {
    const file = fileWith(pem(keys.rsa.privateKey));
    const kept = identityOf(
      await clientOf(file, {}, serverMetadata({ tokenEndpointAuthAlgorithms: ['PS256'] })),
    );
    const again = withProof(kept, { ...none, clientKey: settingsOf(file) }, server);
    expect(decodeProtectedHeader(await assertionOf(again)).alg).toBe('PS256');
  });
});
