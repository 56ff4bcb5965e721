import { describe, expect, test } from 'vitest';
import { callEcho, echoed, oauthStage } from '../support/oauth-stage.ts';

/** The `resource` of every request that has one to have. */
const resourcesOf = (stage: Awaited<ReturnType<typeof oauthStage>>): (string | undefined)[] =>
  [...stage.server.of('authorize'), ...stage.server.of('token')].map(({ params }) => params.resource);

describe('the resource indicator', () => {
  test('is what the metadata say, byte for byte, on every request', async () => {
    const stage = await oauthStage();
    const resource = `${stage.remote.origin}/`;
    stage.remote.protection.resource = resource;
    const bridge = await stage.connect();
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(resourcesOf(stage)).toEqual(
      [resource, resource, resource, resource].slice(0, resourcesOf(stage).length),
    );
    expect(stage.server.grants('refresh_token')).toBe(1);
  });

  test('is the URL of the server where there are no metadata [M5, T21]', async () => {
    const stage = await oauthStage({
      sharesOrigin: true,
      protection: { prm: false },
      server: { requires: ['resource'] },
    });
    const bridge = await stage.connect();
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    for (const resource of resourcesOf(stage)) expect(resource).toBe(stage.url);
    expect(stage.server.grants('refresh_token')).toBe(1);
  });

  test.each([
    ['another origin', () => 'https://good.example/mcp'],
    ['another port', (origin: string) => `${origin.slice(0, -1)}${origin.endsWith('1') ? 2 : 1}/mcp`],
    ['a path beside', (origin: string) => `${origin}/mcp-evil`],
    ['a path below', (origin: string) => `${origin}/mcp/more`],
  ])('of metadata for %s is refused; --resource names it all the same [M7, T16, 18]', async (_name, of) => {
    const stage = await oauthStage();
    const resource = of(stage.remote.origin);
    stage.remote.protection.resource = resource;
    expect(await stage.signInFails(3)).toContain(`--resource ${resource}`);
    expect(stage.windows).toBe(0);
    expect(stage.server.requests).toEqual([]);
    await stage.signIn('--resource', resource);
    expect(new Set(resourcesOf(stage))).toEqual(new Set([resource]));
  });

  test.each(['mcp', '#x', ''])('of metadata for %j is refused [T16, 18]', async (resource) => {
    const stage = await oauthStage();
    stage.remote.protection.resource = resource.startsWith('#') ? stage.url + resource : resource;
    await stage.signInFails(3);
    expect(stage.windows).toBe(0);
    expect(stage.server.requests).toEqual([]);
  });

  test('is what --resource says, and left out with --no-resource', async () => {
    const stage = await oauthStage();
    await stage.signIn('--resource', 'urn:example:mcp');
    const bridge = await stage.connect('--resource', 'urn:example:mcp');
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(new Set(resourcesOf(stage))).toEqual(new Set(['urn:example:mcp']));
    const before = stage.server.requests.length;
    await stage.signIn('--no-resource');
    const later = stage.server.requests.slice(before);
    expect(later.filter(({ params }) => params.resource !== undefined)).toEqual([]);
  });

  test('that is refused by invalid_target is left out in the same tab, and from then on [M6]', async () => {
    const stage = await oauthStage({ server: { resources: [] } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.authorizations.map(({ resource }) => resource)).toEqual([stage.url, undefined]);
    expect(stage.windows).toBe(1);
    expect(stage.server.of('register')).toHaveLength(1);
    // Neither a refresh nor the next sign-in tries it again.
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.server.of('token').map(({ params }) => params.resource)).toEqual([undefined, undefined]);
    stage.server.revokeAll();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.authorizations.slice(2).map(({ resource }) => resource)).not.toContain(stage.url);
    expect(stage.windows).toBe(2);
  });

  test.each([
    [
      'AADSTS9010010',
      { error: 'invalid_request', error_description: 'AADSTS9010010: The resource does not match' },
    ],
    ['invalid_target', { error: 'invalid_target' }],
  ])(
    'that the token endpoint refuses by %s is left out in the same tab, and from then on',
    async (_name, body) => {
      const stage = await oauthStage();
      stage.server.on('token', (exchange, usual) => {
        if (exchange.params.resource === undefined) usual();
        else exchange.json(400, body);
      });
      await stage.signIn();
      expect(stage.authorizations.map(({ resource }) => resource).filter(Boolean)).toHaveLength(1);
      expect(stage.windows).toBe(1);
      await stage.signIn();
      expect(stage.authorizations.map(({ resource }) => resource).filter(Boolean)).toHaveLength(1);
    },
  );

  test('that is refused only when the token is renewed is left out there', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    stage.server.on('token', (exchange, usual) => {
      if (exchange.params.resource === undefined) usual();
      else exchange.json(400, { error: 'invalid_target' });
    });
    const bridge = await stage.connect();
    for (let renewals = 1; renewals <= 2; renewals++) {
      stage.server.expireAccessTokens();
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(stage.server.grants('refresh_token')).toBe(renewals);
    }
    expect(stage.server.reuses).toBe(0);
    expect(stage.windows).toBe(1);
  });

  test("that the user has named is not left out: the refusal is the user's to know", async () => {
    const stage = await oauthStage({ server: { resources: [] } });
    expect(await stage.signInFails(3, '--resource', 'urn:example:mcp')).toContain('invalid_target');
    expect(stage.authorizations.filter(({ state }) => state).length).toBeLessThanOrEqual(2);
  });
});
