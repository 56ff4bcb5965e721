import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { EnterpriseGrant } from '../../../../src/authorization/machine/enterprise.ts';
import type { GrantTarget } from '../../../../src/authorization/machine/grant.ts';
import type { ConnectionRecord } from '../../../../src/credentials/record.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import { NoAnswer, OAuthHttp } from '../../../../src/platform/oauth-http.ts';
import type { IdentityProviderSettings } from '../../../../src/settings.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { unsignedJwt } from '../../helpers/jwt.ts';
import {
  connectionRecord,
  metadataDocument,
  newStore,
  SERVER,
  settingsFor,
  storeConnection,
  storedConnection,
} from '../../helpers/oauth-parts.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';
import { ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const IDP = 'https://idp.example';
const EXCHANGE = `${IDP}/token`;
const TOKEN = 'https://as.example/token';
const now = () => Math.floor(Date.now() / 1000);
let count = 0;
const newIdToken = (exp = now() + 3600) => unsignedJwt({ sub: 'me', exp, count: ++count });
const idJag = () => ({
  issued_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
  access_token: unsignedJwt({ jti: String(++count) }, { typ: 'oauth-id-jag+jwt' }),
  token_type: 'N_A',
});
const granted = { access_token: 'access', token_type: 'Bearer', expires_in: 300 };
const refusal = (error: string, more = {}) => ({ status: 400, json: { error, ...more } });

const usual: IdentityProviderSettings = {
  issuer: IDP,
  clientId: 'desktop',
  clientSecret: 'idp-secret',
  tokenEndpoint: undefined,
  idTokenFile: undefined,
};

let network: ScriptedOAuthHttp;

beforeEach(() => {
  network = new ScriptedOAuthHttp()
    .on(`${IDP}/.well-known/oauth-authorization-server`, { json: metadataDocument(IDP) })
    .on(EXCHANGE, () => ({ json: idJag() }))
    .on(TOKEN, { json: granted });
  vi.spyOn(OAuthHttp.prototype, 'request').mockImplementation((url, request) =>
    network.request(url, request),
  );
  onTestFinished(() => void vi.restoreAllMocks());
});

function grantOf(more: Partial<IdentityProviderSettings> = {}, { store, folder } = newStore()) {
  const identityProvider = { ...usual, ...more };
  const settings = settingsFor(SERVER, {
    grant: 'enterprise',
    clientId: 'mcp-client',
    scope: 'a b',
    identityProvider,
  });
  const { log, secrets } = recordingLogger();
  const grant = new EnterpriseGrant(settings, folder, store, log);
  onTestFinished(() => grant.user?.close());
  return { grant, secrets, store };
}

/** A grant whose ID token comes from a file. */
function byFile(more: Partial<IdentityProviderSettings> = {}) {
  const idTokenFile = join(tempFolder(), 'id-token');
  const idToken = newIdToken();
  writeFileSync(idTokenFile, idToken);
  return { idToken, ...grantOf({ idTokenFile, ...more }) };
}

/** A grant whose user has signed in. */
async function bySignIn(record: Partial<ConnectionRecord> = {}) {
  const given = newStore();
  const idToken = record.idToken ?? newIdToken();
  const stored = await storeConnection(
    given.store,
    connectionRecord({
      server: `${IDP}/`,
      issuer: IDP,
      resource: null,
      client: {
        id: 'desktop',
        secret: 'idp-secret',
        source: 'configured',
        authMethod: 'client_secret_basic',
      },
      tokenEndpoint: EXCHANGE,
      expiresAt: Date.now() + 3_600_000,
      obtainedAt: Date.now(),
      idToken,
      ...record,
    }),
  );
  return { idToken, stored, ...grantOf({}, given) };
}

function target(more: Partial<GrantTarget> = {}): GrantTarget {
  return {
    http: network.http,
    server: { issuer: 'https://as.example', tokenEndpoint: TOKEN },
    client: {
      id: 'mcp-client',
      secret: 'mcp-secret',
      source: 'configured',
      authMethod: 'client_secret_basic',
    },
    scope: 'a b',
    resource: SERVER,
    ...more,
  };
}

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
const failureOf = (grant: EnterpriseGrant): Promise<DrawbridgeError> =>
  grant.obtain(target()).then(
    () => expect.unreachable(),
    (error) => error,
  );

describe('[X-09, X-10, X-11, X-13] the chain', () => {
  test('the ID token becomes an assertion, and that a token; each client goes to its own server only', async () => {
    const { grant, idToken } = byFile();
    expect(await grant.obtain(target())).toMatchObject({ accessToken: 'access', expiresIn: 300 });
    const [exchange, token] = [network.of(EXCHANGE)[0], network.of(TOKEN)[0]];
    expect(exchange?.form).toMatchObject({
      subject_token: idToken,
      audience: 'https://as.example',
      resource: SERVER,
      scope: 'a b',
      client_id: 'desktop',
    });
    expect(token?.form).toMatchObject({ resource: SERVER, scope: 'a b' });
    expect(token?.form.subject_token).toBeUndefined();
    expect(token?.headers?.Authorization).toBe(basic('mcp-client:mcp-secret'));
    expect(JSON.stringify(exchange)).not.toContain('mcp-secret');
    expect(JSON.stringify(token)).not.toContain('idp-secret');
    expect(JSON.stringify(token)).not.toContain(idToken);
  });

  test('[X-15] each token takes an assertion of its own; metadata is asked for once', async () => {
    const { grant } = byFile();
    await grant.obtain(target());
    await grant.obtain(target());
    const assertions = network.of(TOKEN).map(({ form }) => form.assertion);
    expect(new Set(assertions).size).toBe(2);
    expect(network.places.filter((place) => place.includes('well-known'))).toHaveLength(1);
  });

  test('--idp-token-endpoint: nothing else is asked of the identity provider', async () => {
    const endpoint = 'https://exchange.example/v1';
    network.on(endpoint, () => ({ json: idJag() }));
    const { grant } = byFile({ issuer: undefined, tokenEndpoint: endpoint });
    await grant.obtain(target());
    expect(network.places).toEqual([endpoint, TOKEN]);
    expect(network.of(endpoint)[0]?.headers?.Authorization).toBe(basic('desktop:idp-secret'));
  });

  test('after a sign-in its record says where and how', async () => {
    const { grant, idToken } = await bySignIn();
    await grant.obtain(target());
    expect(network.places).toEqual([EXCHANGE, TOKEN]);
    expect(network.of(EXCHANGE)[0]?.form.subject_token).toBe(idToken);
    expect(network.of(EXCHANGE)[0]?.headers?.Authorization).toBe(basic('desktop:idp-secret'));
  });

  test('secrets and ID tokens are protected from the log', async () => {
    const { secrets, idToken } = await bySignIn();
    expect(secrets).toEqual(expect.arrayContaining(['idp-secret', idToken]));
  });
});

describe('[X-12] what is no ID-JAG reaches nobody', () => {
  test.each([{ token_type: 'Bearer' }, { issued_token_type: undefined }, { access_token: 'opaque' }])(
    '%s',
    async (more) => {
      network.on(EXCHANGE, { json: { ...idJag(), ...more } });
      const { grant } = byFile();
      expect(await failureOf(grant)).toMatchObject({ reason: 'authorization-server' });
      expect(network.of(TOKEN)).toEqual([]);
    },
  );
});

describe('[X-16] what the identity provider refuses', () => {
  test.each([
    [
      'access_denied',
      'sign-in-refused',
      /Your identity provider, idp.example, does not allow you to use mcp.example/,
    ],
    ['invalid_target', 'sign-in-refused', /does not allow you/],
    ['invalid_scope', 'sign-in-refused', /does not allow you/],
    ['invalid_client', 'sign-in-refused', /--idp-client-id/],
    ['unauthorized_client', 'sign-in-refused', /--idp-client-id/],
    ['unsupported_grant_type', 'authorization-server', /does not exchange ID tokens/],
  ])('%s is told once, and nothing else is tried', async (error, reason, text) => {
    network.on(EXCHANGE, refusal(error, { error_description: 'by rule 7' }));
    const { grant } = await bySignIn();
    const failure = await failureOf(grant);
    expect(failure.reason).toBe(reason);
    expect(failure.message).toMatch(text);
    expect(failure.message).toContain(`${error} (by rule 7)`);
    expect(network.places).toEqual([EXCHANGE]);
  });

  test('an HTML page is no policy', async () => {
    network.on(EXCHANGE, { status: 404 });
    expect(await failureOf((await bySignIn()).grant)).toMatchObject({ reason: 'authorization-server' });
  });

  test.each([
    ['an outage', { status: 503 }],
    ['no answer', new NoAnswer(new DrawbridgeError('unreachable', 'down'), false)],
  ])('%s passes: the caller may try again', async (_what, answer) => {
    network.on(EXCHANGE, answer);
    const failure = await failureOf(byFile().grant);
    expect(failure.reason).not.toBe('sign-in-refused');
    expect('isPassing' in failure ? failure.isPassing : failure instanceof NoAnswer).toBe(true);
  });

  test('the ID token is renewed once where it is refused, and the assertion asked for again', async () => {
    const another = newIdToken();
    network.on(EXCHANGE, ({ form }) => {
      if (form.grant_type === 'refresh_token') return { json: { ...granted, id_token: another } };
      return form.subject_token === another ? { json: idJag() } : refusal('invalid_grant');
    });
    const { grant, store, stored } = await bySignIn();
    await grant.obtain(target());
    expect(network.places).toEqual([EXCHANGE, EXCHANGE, EXCHANGE, TOKEN]);
    expect(storedConnection(store, stored).idToken).toBe(another);
  });

  test('refused again, that is the end', async () => {
    network.on(EXCHANGE, ({ form }) =>
      form.grant_type === 'refresh_token'
        ? { json: { ...granted, id_token: newIdToken() } }
        : refusal('invalid_grant'),
    );
    const { grant } = await bySignIn();
    expect(await failureOf(grant)).toMatchObject({ reason: 'sign-in-refused' });
    expect(network.places).toHaveLength(3);
  });

  test('where the session there is over as well, the user has to sign in', async () => {
    network.on(EXCHANGE, refusal('invalid_grant'));
    const { grant } = await bySignIn();
    const failure = await failureOf(grant);
    expect(failure.reason).toBe('sign-in-needed');
    expect(failure.message).toBe(
      `mcp.example needs you to sign in at idp.example; run: npx -y mcp-drawbridge login ${SERVER} --client-id mcp-client --idp-issuer ${IDP} --idp-client-id desktop --scope "a b"`,
    );
    expect(network.of(TOKEN)).toEqual([]);
  });

  test('without a refresh token the refusal stands, and nobody is asked', async () => {
    network.on(EXCHANGE, refusal('invalid_grant'));
    const { grant } = await bySignIn({ refreshToken: undefined });
    expect(await failureOf(grant)).toMatchObject({ reason: 'sign-in-refused' });
    expect(network.places).toEqual([EXCHANGE]);
  });
});

describe('[X-16] the end of the ID token', () => {
  test('it is renewed by the refresh token ahead of its end, without the user', async () => {
    const another = newIdToken();
    network.on(EXCHANGE, ({ form }) =>
      form.grant_type === 'refresh_token' ? { json: { ...granted, id_token: another } } : { json: idJag() },
    );
    const { grant, store, stored } = await bySignIn({
      idToken: newIdToken(now() - 5),
      expiresAt: Date.now() - 5000,
    });
    await grant.obtain(target());
    expect(network.of(EXCHANGE).map(({ form }) => form.grant_type?.split(':').at(-1))).toEqual([
      'refresh_token',
      'token-exchange',
    ]);
    expect(network.of(EXCHANGE)[1]?.form.subject_token).toBe(another);
    expect(storedConnection(store, stored)).toMatchObject({ idToken: another });
  });

  test.each([
    ['a renewal that brings none', {}],
    ['no refresh token', { refreshToken: undefined }],
  ])('%s: the user has to sign in', async (_what, record) => {
    network.on(EXCHANGE, { json: granted });
    const { grant } = await bySignIn({
      idToken: newIdToken(now() - 5),
      expiresAt: Date.now() - 5000,
      ...record,
    });
    expect(await failureOf(grant)).toMatchObject({ reason: 'sign-in-needed' });
    expect(network.of(TOKEN)).toEqual([]);
  });

  test('nobody has signed in yet: nothing is asked of anybody', async () => {
    expect(await failureOf(grantOf().grant)).toMatchObject({ reason: 'sign-in-needed' });
    expect(network.requests).toEqual([]);
  });
});
