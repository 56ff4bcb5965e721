import { describe, expect, test } from 'vitest';
import { boundStage, schemesOf } from '../support/bound-stage.ts';
import { callEcho, echoed } from '../support/oauth-stage.ts';
import { isLinux } from '../support/prerequisites.ts';
import { scopes, startAuthPlane } from '../support/services/authplane.ts';
import { type Line, signInAgain, signInBy, use } from '../support/services/service.ts';
import { userOf } from '../support/sign-in-world.ts';

const document = 'https://client.example/mcp-drawbridge.json';
const redirectUris = ['http://127.0.0.1/callback'];
const known = (id: string) => ({ id, secret: undefined, method: 'none', redirectUris });

/** The three ways to a client, as the guide has them. */
const ways: [string, Parameters<typeof startAuthPlane>[0], string[], RegExp][] = [
  ['dynamic registration', {}, [], /^client-1-/],
  [
    'a client ID metadata document',
    { clients: [known(document)], metadata: { client_id_metadata_document_supported: true } },
    ['--client-metadata-url', document],
    /^https:\/\/client\.example\//,
  ],
  [
    'a client registered beforehand',
    { clients: [known('drawbridge-42')], metadata: { registration_endpoint: undefined } },
    ['--client-id', 'drawbridge-42'],
    /^drawbridge-42$/,
  ],
];

describe.skipIf(!isLinux)('AuthPlane', () => {
  test.each(ways)(
    'the whole way by %s; scope and resource are on the wire',
    async (_way, settings, args, clientId) => {
      const authplane = await startAuthPlane(settings, true);
      const { server, remote, url } = authplane;
      expect(server.origin).not.toBe(remote.origin);
      const world = userOf(server, remote);
      const line: Line = { url, args };
      const bridge = await signInBy(world, line);
      await use(bridge, 'first');
      server.expireAccessTokens();
      await use(bridge, 'renewed');
      expect([server.grants('refresh_token'), world.browser.opened.length]).toEqual([1, 1]);
      server.revokeAll();
      await signInAgain(world, bridge, line);

      // What one widely used client leaves out.
      const scope = [...scopes, 'offline_access'].join(' ');
      for (const { params } of server.of('authorize')) expect(params).toMatchObject({ scope, resource: url });
      for (const { params } of server.of('token')) expect(params).toMatchObject({ resource: url });
      for (const { params } of [...server.of('authorize'), ...server.of('token')])
        expect(params.client_id).toMatch(clientId);
      const registered = server.of('register').map(({ message }) => message as unknown as { scope?: string });
      expect(registered.map((one) => one.scope)).toEqual(args.length === 0 ? [scope] : []);
      // Only below the path is there any metadata, and the challenge has said so.
      expect(new Set(remote.metadataRequests.map(({ path }) => path))).toEqual(
        new Set(['/.well-known/oauth-protected-resource/mcp']),
      );
    },
    90_000,
  );

  test('the URL of the challenge is used where there is one, wherever it leads', async () => {
    const authplane = await startAuthPlane();
    authplane.remote.protection.prmAt = 'challenge-only';
    const world = userOf(authplane.server, authplane.remote);
    await use(await signInBy(world, { url: authplane.url }), 'found');
    expect(authplane.remote.metadataRequests.map(({ path }) => path)).toEqual(['/about/protection.json']);
  }, 60_000);

  test('a challenge without a URL: the metadata below the path is found all the same', async () => {
    const authplane = await startAuthPlane({}, true);
    authplane.remote.protection.challenge = 'Bearer';
    const world = userOf(authplane.server, authplane.remote);
    await use(await signInBy(world, { url: authplane.url }), 'found');
    expect(authplane.server.of('authorize')[0]?.params.resource).toBe(authplane.url);
  }, 60_000);

  test('tokens that are bound to a key (DPoP), where its metadata demands them', async () => {
    const { stage, presented, authorization, resource } = await boundStage({
      schemes: ['Bearer', 'DPoP'],
      prm: { dpop_bound_access_tokens_required: true },
      stage: {
        server: { scopes: [...scopes], requires: ['scope', 'resource'] },
        protection: { endpoints: ['/mcp'], scopes },
      },
    });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect([schemesOf({ presented }), stage.windows]).toEqual([['DPoP'], 1]);
    expect([authorization.check.faults, resource.check.faults]).toEqual([[], []]);
    for (const { params } of [...stage.server.of('authorize'), ...stage.server.of('token')])
      expect(params.resource).toBe(stage.remote.url);
    expect(stage.authorizations.map(({ scope }) => scope)).toEqual([scopes.join(' ')]);
  }, 60_000);
});
