import { describe, expect, test, vi } from 'vitest';
import type { CallbackServer } from '../../../../src/authorization/browser/callback-server.ts';
import type { AuthorizationServerMetadata } from '../../../../src/authorization/metadata.ts';
import { chooseClient, DOCUMENT_PORTS } from '../../../../src/authorization/sign-in/choose-client.ts';
import type { RegistrationRecord } from '../../../../src/credentials/record.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { CallbackHost, CallbackSettings, SignInSettings } from '../../../../src/settings.ts';
import { ISSUER, newStore, serverMetadata, signInTask } from '../../helpers/oauth-parts.ts';
import { ScriptedOAuthHttp, type SentRequest } from '../../helpers/scripted-oauth-http.ts';

const REGISTER = `${ISSUER}/register`;
const DOCUMENT = 'https://me.example/client.json';

/** A machine on which some ports are taken, and what was listened on. */
function machine(taken: number[] = []) {
  const open = new Set<string>();
  let next = 5000;
  const listen = async (host: CallbackHost, port: number, path = '/callback'): Promise<CallbackServer> => {
    if (taken.includes(port)) throw new DrawbridgeError('sign-in-refused', `Port ${port} is taken.`);
    const redirectUri = `http://${host}:${port || ++next}${path}`;
    open.add(redirectUri);
    const close = async () => void open.delete(redirectUri);
    return { redirectUri, port: port || next, close } as unknown as CallbackServer;
  };
  return { open, taken, listen: vi.fn(listen) };
}

const registers = (more: object = {}) => {
  let count = 0;
  return ({ json }: SentRequest) => ({
    status: 201,
    json: { ...json, client_id: `client-${++count}`, ...more },
  });
};

function start(metadata: Partial<AuthorizationServerMetadata> = {}) {
  const { store } = newStore();
  const http = new ScriptedOAuthHttp().on(REGISTER, registers());
  const place = machine();
  return {
    store,
    http,
    place,
    choose: (
      {
        callback,
        ...signIn
      }: Partial<Omit<SignInSettings, 'callback'>> & { callback?: Partial<CallbackSettings> } = {},
      scope?: string,
      ...more: [boolean?, CallbackServer?]
    ) =>
      chooseClient(
        {
          task: signInTask({
            signIn: {
              ...signIn,
              callback: { host: undefined, port: undefined, path: '/callback', ...callback },
            },
          }),
          http: http.http,
          store,
          server: serverMetadata(metadata),
          scope,
          listen: place.listen,
        },
        ...more,
      ),
    records: () =>
      store
        .list('client')
        .map((id) => store.read<RegistrationRecord>('client', id)?.value as RegistrationRecord),
  };
}

describe('who the sign-in is made as, in the order of the specification (A-32)', () => {
  test('a client of the user’s own before all else', async () => {
    const { choose, http, store } = start({ takesMetadataDocuments: true });
    const { client, callback, isCached } = await choose({ clientId: 'mine', clientMetadataUrl: DOCUMENT });
    expect(client).toEqual({ id: 'mine', source: 'configured', authMethod: 'none' });
    expect([callback.redirectUri, isCached]).toEqual(['http://127.0.0.1:5001/callback', false]);
    expect([http.requests, store.list('client')]).toEqual([[], []]);
  });

  test.each<[string[] | undefined, string]>([
    [undefined, 'client_secret_basic'],
    [['none', 'client_secret_post'], 'client_secret_post'],
    [['none', 'client_secret_post', 'client_secret_basic'], 'client_secret_basic'],
  ])('A-43: with a secret, where %j is offered, it proves itself by %s', async (offered, authMethod) => {
    const { choose } = start({ tokenEndpointAuthMethods: offered });
    const { client } = await choose({ clientId: 'mine', clientSecret: 's' });
    expect(client).toEqual({ id: 'mine', secret: 's', source: 'configured', authMethod });
  });

  test('with a secret, it proves itself as the user says', async () => {
    const { choose } = start({ tokenEndpointAuthMethods: ['client_secret_basic'] });
    const { client } = await choose({
      clientId: 'mine',
      clientSecret: 's',
      clientAuthMethod: 'client_secret_post',
    });
    expect(client.authMethod).toBe('client_secret_post');
    const open = await choose({ clientId: 'mine', clientAuthMethod: 'client_secret_post' });
    expect(open.client.authMethod).toBe('none');
  });

  test('what is to be registered otherwise makes another client', async () => {
    const { choose, http, records } = start();
    await choose();
    await choose({ registrationMetadata: { client_name: 'Mine', grant_types: ['authorization_code'] } });
    http.on(REGISTER, registers({ client_secret: 's' }));
    await choose({ clientAuthMethod: 'client_secret_post' });
    expect(records()).toHaveLength(3);
    const bodies = http.of(REGISTER).map(({ json }) => json);
    expect(bodies[0].client_name).toBe('mcp-drawbridge');
    expect(bodies[1]).toMatchObject({ client_name: 'Mine', grant_types: ['authorization_code'] });
    expect(bodies[2].token_endpoint_auth_method).toBe('client_secret_post');
    await choose({ registrationMetadata: { client_name: 'Mine', grant_types: ['authorization_code'] } });
    expect(http.of(REGISTER)).toHaveLength(3);
  });

  test('then the client ID metadata document, where both have it (A-35)', async () => {
    const { choose, http } = start({ takesMetadataDocuments: true });
    const { client, isCached } = await choose({ clientMetadataUrl: DOCUMENT });
    expect(client).toEqual({ id: DOCUMENT, source: 'metadata-document', authMethod: 'none' });
    expect([isCached, http.places]).toEqual([false, [DOCUMENT]]);
    const without = start();
    expect((await without.choose({ clientMetadataUrl: DOCUMENT })).client.source).toBe('registered');
  });

  test('A-36: on a port that the document lists, else on any, else on the one that is given', async () => {
    const { choose, place } = start({ takesMetadataDocuments: true });
    const portOf = async (port?: number) =>
      new URL((await choose({ clientMetadataUrl: DOCUMENT, callback: { port } })).callback.redirectUri).port;
    expect(await portOf()).toBe(String(DOCUMENT_PORTS[0]));
    place.taken.push(DOCUMENT_PORTS[0]);
    expect(await portOf()).toBe(String(DOCUMENT_PORTS[1]));
    place.taken.push(...DOCUMENT_PORTS);
    expect(await portOf()).toBe('5001');
    expect(await portOf(7777)).toBe('7777');
    place.taken.push(7777);
    await expect(portOf(7777)).rejects.toThrow('Port 7777 is taken.');
  });

  test('a document that was written for another program has its redirects listened on', async () => {
    const { choose, place, http } = start({ takesMetadataDocuments: true });
    const redirectOf = async (callback: Partial<CallbackSettings> = {}) =>
      (await choose({ clientMetadataUrl: DOCUMENT, callback })).callback.redirectUri;
    const theirs = ['http://localhost:3334/oauth/callback', 'http://127.0.0.1:3334/oauth/callback'];
    http.on(DOCUMENT, { json: { redirect_uris: theirs } });
    expect(await redirectOf()).toBe(theirs[0]);
    // What is given counts, and asks nobody.
    const { length } = http.requests;
    expect(await redirectOf({ port: 7 })).toBe('http://127.0.0.1:7/callback');
    expect(await redirectOf({ host: 'localhost' })).toBe(`http://localhost:${DOCUMENT_PORTS[0]}/callback`);
    expect(await redirectOf({ path: '/x' })).toContain('/x');
    expect(http.requests).toHaveLength(length);
    place.taken.push(3334);
    await expect(redirectOf()).rejects.toThrow('Port 3334 is taken.');
    http.on(DOCUMENT, { json: { redirect_uris: [...theirs, 'http://127.0.0.1/callback'] } });
    expect(await redirectOf()).toBe(`http://127.0.0.1:${DOCUMENT_PORTS[0]}/callback`);
  });

  test('[37]: a port that was given and is taken is an error', async () => {
    const { choose, place, http } = start();
    place.taken.push(7777);
    await expect(choose({ clientId: 'mine', callback: { port: 7777 } })).rejects.toThrow('7777');
    await expect(choose({ callback: { port: 7777 } })).rejects.toThrow('7777');
    expect(http.requests).toEqual([]);
  });
});

describe('dynamic registration', () => {
  test('A-66: what is registered is what is listened on', async () => {
    const { choose, http, place } = start();
    const { client, callback, isCached } = await choose();
    expect(http.requests[0]?.json.redirect_uris).toEqual([callback.redirectUri]);
    expect([...place.open]).toEqual([callback.redirectUri]);
    expect([client.id, isCached]).toEqual(['client-1', false]);
  });

  test('M1: without a scope there is none in it', async () => {
    const { choose, http } = start();
    await choose();
    expect(http.requests[0]?.json).not.toHaveProperty('scope');
  });

  test('A-44: once for an issuer: kept, and used again on the same port', async () => {
    const { choose, http, place, records } = start();
    const first = await choose({}, 'a b');
    await first.callback.close();
    const second = await choose({}, 'a');
    expect(second).toMatchObject({ client: first.client, isCached: true });
    expect(second.callback.redirectUri).toBe(first.callback.redirectUri);
    expect(place.listen.mock.calls).toEqual([
      ['127.0.0.1', 0],
      ['127.0.0.1', 5001],
    ]);
    expect([http.requests.length, records().length]).toEqual([1, 1]);
  });

  test('A-46: another issuer gets another one', async () => {
    const { choose, store, http, place } = start();
    await choose();
    const server = serverMetadata({ issuer: 'https://other.example' });
    http.on('https://other.example/register', registers());
    await chooseClient({
      task: signInTask(),
      http: http.http,
      store,
      server,
      scope: undefined,
      listen: place.listen,
    });
    expect([http.places, store.list('client').length]).toEqual([
      [REGISTER, 'https://other.example/register'],
      2,
    ]);
  });

  test('A-44: so does another redirect', async () => {
    const { choose, records } = start();
    await choose();
    await choose({ callback: { port: 6000 } });
    await choose({ callback: { host: 'localhost' } });
    expect(
      records()
        .map(({ redirectUri }) => redirectUri)
        .sort(),
    ).toEqual([
      'http://127.0.0.1:5001/callback',
      'http://127.0.0.1:6000/callback',
      'http://localhost:5002/callback',
    ]);
  });

  test('A11: where the port of the registration is taken, another one is registered', async () => {
    const { choose, place, records } = start();
    await (await choose()).callback.close();
    place.taken.push(5001);
    const { client, callback, isCached } = await choose();
    expect([client.id, callback.redirectUri, isCached]).toEqual([
      'client-2',
      'http://127.0.0.1:5002/callback',
      false,
    ]);
    expect(records().map(({ client: kept }) => kept.id)).toEqual(['client-2']);
  });

  test('a wider scope needs another one, with the scopes of both', async () => {
    const { choose, http } = start();
    await choose({}, 'a b');
    await choose({}, 'b c');
    expect(http.requests.map(({ json }) => json.scope)).toEqual(['a b', 'a b c']);
  });

  test('A10: one whose secret has run out is not used', async () => {
    const { choose, http } = start();
    const secret = { client_secret: 's', token_endpoint_auth_method: 'client_secret_post' };
    http.on(REGISTER, registers({ ...secret, client_secret_expires_at: Math.floor(Date.now() / 1000) - 1 }));
    await choose();
    expect(await choose()).toMatchObject({ isCached: false, client: { secret: 's' } });
    expect(http.requests.length).toBe(2);
  });

  test('A9, A-45: one that is forgotten is made anew, on the loopback that is listened on already', async () => {
    const { choose, http, place } = start();
    const first = await choose();
    const renewed = await choose({}, undefined, true, first.callback);
    expect([renewed.client.id, renewed.isCached, renewed.callback]).toEqual([
      'client-2',
      false,
      first.callback,
    ]);
    expect([http.requests.length, place.listen.mock.calls.length]).toEqual([2, 1]);
  });

  test('A-41: where the address is refused, the name is tried, once (RFC 8252 section 8.3)', async () => {
    const { choose, http, place, records } = start();
    const usual = registers();
    http.on(REGISTER, (request) =>
      request.json.redirect_uris[0].includes('127.0.0.1')
        ? { status: 400, json: { error: 'invalid_redirect_uri' } }
        : usual(request),
    );
    const { callback } = await choose();
    expect(callback.redirectUri).toBe('http://localhost:5002/callback');
    expect([...place.open]).toEqual([callback.redirectUri]);
    await callback.close();
    // And next time at once.
    expect(await choose()).toMatchObject({ isCached: true, callback: { redirectUri: callback.redirectUri } });
    expect([http.requests.length, records().length]).toEqual([2, 1]);
  });

  test('A-41: not where the user has said which, and not for another refusal', async () => {
    const refuses = (error: string) => ({ status: 400, json: { error } });
    const fixed = start();
    fixed.http.on(REGISTER, refuses('invalid_redirect_uri'));
    await expect(fixed.choose({ callback: { host: '127.0.0.1' } })).rejects.toThrow('invalid_redirect_uri');
    expect(fixed.http.requests.length).toBe(1);
    const other = start();
    other.http.on(REGISTER, refuses('invalid_client_metadata'));
    await expect(other.choose()).rejects.toThrow('invalid_client_metadata');
    expect(other.http.requests.length).toBe(1);
  });

  test('no port is held after a failure', async () => {
    const refused = start();
    refused.http.on(REGISTER, { status: 400, json: { error: 'invalid_redirect_uri' } });
    await expect(refused.choose()).rejects.toThrow('invalid_redirect_uri');
    expect([refused.http.requests.length, refused.place.open.size]).toEqual([2, 0]);
    const full = start();
    vi.spyOn(full.store, 'write').mockRejectedValue(new DrawbridgeError('credential-store', 'no space'));
    await expect(full.choose()).rejects.toThrow('no space');
    expect(full.place.open.size).toBe(0);
  });

  test('a damaged record counts as none', async () => {
    const { choose, store, http } = start();
    await choose();
    const [id = ''] = store.list('client');
    await store.write('client', id, { schema: 1 }, store.read('client', id)?.generation ?? 0);
    expect((await choose()).isCached).toBe(false);
    expect(http.requests.length).toBe(2);
  });
});
