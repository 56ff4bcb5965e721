import { describe, expect, test } from 'vitest';
import { isLinux } from '../support/prerequisites.ts';
import { startMetapad } from '../support/services/metapad.ts';
import { connectBy, resourcesAskedFor, signInAgain, signInBy, use } from '../support/services/service.ts';
import { toolText, userOf } from '../support/sign-in-world.ts';

describe.skipIf(!isLinux)('Metapad', () => {
  test('the whole way with one model: connect, use, expire, revoke, sign in again', async () => {
    const metapad = await startMetapad('m1');
    const { server } = metapad;
    const world = userOf(server, metapad.remote);
    const line = { url: metapad.urlOf('m1') };
    const bridge = await signInBy(world, line);
    await use(bridge, 'first');
    server.expireAccessTokens();
    await use(bridge, 'renewed');
    expect([server.grants('refresh_token'), world.browser.opened.length]).toEqual([1, 1]);
    server.revokeAll();
    await signInAgain(world, bridge, line);
    expect(server.of('register')).toHaveLength(1);
  }, 90_000);

  test('three models side by side: one registration, a token for each that renews itself', async () => {
    const models = ['m1', 'm2', 'm3'];
    const metapad = await startMetapad(...models);
    const { server, remote } = metapad;
    const world = userOf(server, remote);
    const bridges = [];
    for (const model of models) bridges.push(await signInBy(world, { url: metapad.urlOf(model) }));
    expect(server.of('register')).toHaveLength(1);
    expect(resourcesAskedFor(world)).toEqual(models.map(metapad.urlOf));
    server.expireAccessTokens();
    await Promise.all(bridges.map((bridge, index) => use(bridge, `after ${index}`)));
    expect([server.grants('refresh_token'), server.reuses]).toEqual([3, 0]);
    const good = remote.credentials('tools/call').filter((value) => server.isValid(value?.slice(7) ?? ''));
    expect(new Set(good).size).toBe(models.length);
    expect(world.browser.opened).toHaveLength(models.length);
  }, 90_000);

  test('an API token in a header, for one model, beside a sign-in for the same model', async () => {
    const metapad = await startMetapad('m1', 'm2');
    const { server, remote } = metapad;
    const world = userOf(server, remote);
    const token = metapad.apiToken('m1');
    const person = { url: metapad.urlOf('m1') };
    const script = {
      url: person.url,
      args: ['--header', 'Authorization: Bearer ${METAPAD_TOKEN}'],
      env: { METAPAD_TOKEN: token },
    };
    const [byScript, byPerson] = [await connectBy(world, script), await signInBy(world, person)];
    await Promise.all([use(byScript, 'script'), use(byPerson, 'person')]);
    const [one, other] = remote.credentials('tools/call').sort();
    expect([one, other]).toEqual([expect.stringMatching(/^Bearer canary-access/), `Bearer ${token}`]);

    // The token is for its model only.
    const elsewhere = world.bridge({ ...script, url: metapad.urlOf('m2') });
    const refused = await elsewhere.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'ci', version: '1' },
    });
    expect(refused.error?.data).toMatchObject({ reason: 'unauthorized', status: 401 });

    // Its end is told and not repaired by a sign-in; the person's goes on.
    metapad.revokeApiToken(token);
    const ended = await byScript.callTool('echo', {}, 30_000);
    expect(toolText(ended) || ended.error?.message).toMatch(/Authorization|--header/);
    await use(byPerson, 'still');
    expect(world.browser.opened).toHaveLength(1);
  }, 90_000);
});
