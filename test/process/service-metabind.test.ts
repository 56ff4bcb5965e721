import { describe, expect, test } from 'vitest';
import { followSignIn } from '../support/browsers.ts';
import { isLinux } from '../support/prerequisites.ts';
import { startMetabind } from '../support/services/metabind.ts';
import {
  expectSignInNeeded,
  resourcesAskedFor,
  signInAgain,
  signInBy,
  use,
} from '../support/services/service.ts';
import { toolsOf, toolText, userOf } from '../support/sign-in-world.ts';
import { until } from '../support/wait.ts';

describe.skipIf(!isLinux)('Metabind', () => {
  test('the whole way, published and draft side by side; one is revoked, the other goes on', async () => {
    const metabind = await startMetabind();
    const { server, remote, published, draft } = metabind;
    const world = userOf(server, remote);
    const [live, working] = [
      await signInBy(world, { url: published }),
      await signInBy(world, { url: draft }),
    ];
    await Promise.all([use(live, 'live'), use(working, 'working')]);
    expect(resourcesAskedFor(world)).toEqual([published, draft]);
    expect(server.of('register')).toHaveLength(1);

    server.expireAccessTokens();
    await Promise.all([use(live, 'live, renewed'), use(working, 'working, renewed')]);
    expect([server.grants('refresh_token'), world.browser.opened.length]).toEqual([2, 2]);
    const renewals = server.of('token').filter(({ params }) => params.grant_type === 'refresh_token');
    expect(renewals.map(({ params }) => params.resource).sort()).toEqual([published, draft].sort());

    metabind.revoke(draft);
    await signInAgain(world, working, { url: draft });
    await use(live, 'not concerned');
    expect(resourcesAskedFor(world)).toEqual([published, draft, draft]);
  }, 120_000);

  test('a member who is removed: both connections say so, and a sign-in gives nothing', async () => {
    const metabind = await startMetabind();
    const { server, remote, published, draft } = metabind;
    const world = userOf(server, remote);
    const bridge = await signInBy(world, { url: published });
    await signInBy(world, { url: draft });
    metabind.removeMember();
    await expectSignInNeeded(world, { url: published });
    await expectSignInNeeded(world, { url: draft });
    const call = bridge.callTool('echo', {}, 40_000);
    const { result } = await followSignIn(await world.browser.nextOpened(3));
    expect(result?.status).toBeGreaterThanOrEqual(400);
    const refused = await call;
    expect(toolText(refused) || refused.error?.message).toContain('was declined');
    // Nor does the next call open another window.
    await bridge.callTool('echo', {}, 40_000);
    expect(world.browser.opened).toHaveLength(3);
  }, 120_000);

  test('a role without the scope: tools are listed, each call names what is missing, until the role is another', async () => {
    const metabind = await startMetabind('Viewer');
    const { server, remote, published } = metabind;
    const world = userOf(server, remote);
    const bridge = await signInBy(world, { url: published });
    expect(toolsOf(await bridge.request('tools/list'))).toEqual(['echo']);
    for (let calls = 1; calls <= 3; calls++) {
      const answer = await bridge.callTool('echo', {}, 30_000);
      expect(answer.result?.isError, JSON.stringify(answer)).toBe(true);
      expect(toolText(answer)).toContain('content:write');
    }
    // The scope was asked for at the sign-in already: asking once more changes nothing.
    expect(world.browser.opened).toHaveLength(1);
    metabind.setRole('Developer');
    const login = world.login({ url: published, args: ['--no-browser'] });
    await followSignIn(await login.link());
    expect(await login.exitWithin(15_000)).toBe(0);
    await until(
      'the new scopes',
      async () => (await bridge.callTool('echo', {})).result?.isError !== true,
      10_000,
    );
  }, 90_000);

  test('after a publish the client hears that the tools have changed, at that endpoint only', async () => {
    const metabind = await startMetabind();
    const { published, draft, listeners } = metabind;
    const world = userOf(metabind.server, metabind.remote);
    const [live, working] = [
      await signInBy(world, { url: published }),
      await signInBy(world, { url: draft }),
    ];
    await until(
      'the streams',
      () => listeners.count('/acme/site') > 0 && listeners.count('/acme/site/draft') > 0,
    );
    const changed = ({ method }: { method?: string }) => method === 'notifications/tools/list_changed';
    const before = [live, working].map(({ messages }) => messages.filter(changed).length);
    metabind.publish('echo', 'render_hero');
    await until('the change', () => live.messages.filter(changed).length > (before[0] as number));
    expect(toolsOf(await live.request('tools/list'))).toEqual(['echo', 'render_hero']);
    expect(toolsOf(await working.request('tools/list'))).toEqual(['echo']);
    expect(working.messages.filter(changed)).toHaveLength(before[1] as number);
  }, 60_000);
});
