import { describe, expect, test } from 'vitest';
import { type EnterpriseWorld, enterpriseWorld } from '../support/enterprise-world.ts';
import { isLinux } from '../support/prerequisites.ts';
import { runCommand } from '../support/run-command.ts';

describe.skipIf(!isLinux)('commands', () => {
  test('login signs in at the identity provider and gets the token; bridges then open no window', async () => {
    const world = await enterpriseWorld();
    const { code, stderr } = await world.command(['login', world.urlOf()]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`The identity provider is ${new URL(world.idp.issuer).host}.`);
    expect(stderr).toContain(`through ${new URL(world.server.issuer).host}.`);
    expect(stderr).toContain('it is renewed by itself');
    await world.connect();
    expect([world.windows.length, world.counts]).toEqual([1, { exchanges: 1, assertions: 1 }]);
    const again = await world.command(['login', world.urlOf()]);
    expect(again.code).toBe(0);
    expect([world.windows.length, world.counts]).toEqual([2, { exchanges: 2, assertions: 2 }]);
  });

  test('login tells the refusal of the company, with exit code 4', async () => {
    const world = await enterpriseWorld();
    await world.idp.setPolicy('access_denied');
    const { code, stderr } = await world.command(['login', world.urlOf()]);
    expect(code).toBe(4);
    expect(stderr).toContain('does not allow you to use');
  });

  test('token prints the one of the server, or says how to sign in', async () => {
    const world = await enterpriseWorld();
    const before = await world.command(['token', world.urlOf()]);
    expect([before.code, before.stdout]).toEqual([4, '']);
    expect(before.stderr).toContain(`needs you to sign in at ${new URL(world.idp.issuer).host}`);
    expect(world.windows).toEqual([]);
    (await world.connect()).closeStdin();
    const { code, stdout } = await runCommand(['token', world.urlOf(), ...world.options], world.env, 30_000);
    expect(code).toBe(0);
    expect(stdout.trim()).toBe(world.server.of('assertion')[0]?.accessToken);
  });

  test('status lists both connections', async () => {
    const world = await enterpriseWorld();
    (await world.connect()).closeStdin();
    const { stdout } = await world.command(['status', '--json'], []);
    const { connections } = JSON.parse(stdout);
    expect(
      connections.map(({ server, issuer, state, refreshable }: Record<string, unknown>) => [
        server,
        issuer,
        state,
        refreshable,
      ]),
    ).toEqual(
      [
        [world.urlOf(), world.server.issuer, 'ok', true],
        [`${world.idp.issuer}/`, world.idp.issuer, 'ok', true],
      ].sort(),
    );
  });

  test('logout of the last server ends the sign-in at the identity provider, of another one does not', async () => {
    const world = await enterpriseWorld({ remotes: 2 });
    (await world.connect()).closeStdin();
    (await world.connect([], 1)).closeStdin();
    const first = await world.command(['logout', world.urlOf()], []);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain(
      `You stay signed in at ${new URL(world.idp.issuer).host}, since another server is used through it`,
    );
    expect(world.idp.of('grant.revoked')).toEqual([]);
    const second = await world.command(['logout', world.urlOf(1)], []);
    expect(second.stderr).toContain(`Signed out of ${new URL(world.idp.issuer).host} as well`);
    expect(world.idp.of('grant.revoked').length).toBeGreaterThan(0);
    const { stdout } = await world.command(['status', '--json'], []);
    expect(JSON.parse(stdout).connections).toEqual([]);
  });
});

describe.skipIf(!isLinux)('doctor', () => {
  const examine = async (world: EnterpriseWorld, ...args: string[]) => {
    const options = [...world.options, ...args];
    const { code, stdout, stderr } = await world.command(['doctor', world.urlOf(), '--json'], options);
    const { steps } = JSON.parse(stdout || `{"steps":[],"stderr":${JSON.stringify(stderr)}}`);
    const step = (id: string) => steps.find((one: { id: string }) => one.id === id);
    const failed = steps.filter(({ status }: { status: string }) => status === 'fail');
    return { code, step, failed: failed.map(({ id }: { id: string }) => id) };
  };

  test('before the sign-in: names the command, and opens no window', async () => {
    const world = await enterpriseWorld();
    const { code, step } = await examine(world);
    expect(code).toBe(4);
    expect(step('identity-provider')).toMatchObject({ status: 'fail', reason: 'sign-in-needed' });
    expect(step('identity-provider').fix).toContain(`--idp-issuer ${world.idp.issuer}`);
    expect(world.windows).toEqual([]);
  });

  test('after it: all is well, to the list of tools', async () => {
    const world = await enterpriseWorld();
    (await world.connect()).closeStdin();
    const { code, step, failed } = await examine(world);
    expect(failed).toEqual([]);
    expect(code).toBe(0);
    expect(step('identity-provider').text).toContain(`signed in at ${world.idp.issuer}`);
    expect(step('tools').status).toBe('ok');
    expect(step('pkce').text).toContain('not needed');
    expect(step('registration').text).toBe('by the client of --client-id, and its secret');
    expect(step('credentials').facts).toMatchObject({ grant: 'enterprise', canRefresh: true });
    expect(world.windows).toHaveLength(1);
  });

  test('a company that says no', async () => {
    const world = await enterpriseWorld({ idp: { idTokenTtl: 3 }, server: { accessTokenTtl: 2 } });
    (await world.connect()).closeStdin();
    await world.idp.setPolicy('access_denied');
    await world.untilAllHasEnded();
    const { code, step } = await examine(world);
    expect(code).toBe(4);
    expect(step('credentials')).toMatchObject({ status: 'fail', reason: 'sign-in-refused' });
    expect(step('credentials').text).toContain('does not allow you to use');
  });

  test('an identity provider that is another one than its metadata says', async () => {
    const world = await enterpriseWorld();
    const { step } = await examine(world, '--idp-issuer', `${world.idp.issuer}/other`);
    expect(step('identity-provider')).toMatchObject({ status: 'fail', reason: 'authorization-server' });
  });
});
