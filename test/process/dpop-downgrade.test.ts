import { describe, expect, test } from 'vitest';
import { boundStage, schemesOf } from '../support/bound-stage.ts';
import { callEcho, echoed, initialize } from '../support/oauth-stage.ts';
import { changeConnection, storedConnections } from '../support/stored-connection.ts';

describe('no way back to Bearer [111]', () => {
  test('auto takes a Bearer answer to a proof for what it is [X-27]', async () => {
    const options = { tokenType: 'Bearer', schemes: ['Bearer', 'DPoP'], takesBearer: true } as const;
    const { stage, presented } = await boundStage({ ...options, schemes: [...options.schemes] });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(schemesOf({ presented })).toEqual(['Bearer']);
    expect(storedConnections(stage)[0]).not.toHaveProperty('dpopKey');
  });

  test.each(['Bearer', undefined, 'N_A', 'PoP', ''])('on refuses token_type %s', async (tokenType) => {
    const { stage, presented } = await boundStage({
      tokenType,
      schemes: ['Bearer', 'DPoP'],
      takesBearer: true,
    });
    const said = await stage.signInFails(3, '--dpop', 'on');
    expect(said).toMatch(/not bound to a key|type is unknown/);
    expect(presented).toEqual([]);
    expect(storedConnections(stage)).toEqual([]);
  });

  test('on says beforehand where the authorization server takes no proofs of ours', async () => {
    const { stage } = await boundStage({ algorithms: ['RS256'] });
    expect(await stage.signInFails(4, '--dpop', 'on')).toContain('--dpop off');
    expect(stage.windows).toBe(0);
  });

  test('DPoP to a request without a proof is refused (A-75)', async () => {
    const { stage } = await boundStage({
      schemes: ['Bearer'],
      stage: { server: {} },
    });
    stage.server.options.tokens = { token_type: 'DPoP' };
    expect(await stage.signInFails(3)).toContain('its type is not Bearer');
  });

  test('a refresh that gives a bearer token is refused; the bound one is kept', async () => {
    const { stage, options, presented } = await boundStage({ takesBearer: true });
    const bridge = await stage.connect();
    options.tokenType = 'Bearer';
    stage.server.expireAccessTokens();
    expect(JSON.stringify(await callEcho(bridge))).toContain('not bound to a key');
    expect(schemesOf({ presented })).toEqual(['DPoP']);
    expect(storedConnections(stage)[0]?.tokenType).toBe('DPoP');
  });

  test('a new sign-in is bound again, whatever the metadata says now', async () => {
    const { stage, options, presented } = await boundStage({ takesBearer: true });
    await stage.signIn();
    Object.assign(options, { algorithms: undefined, schemes: ['Bearer'], tokenType: 'Bearer' });
    expect(await stage.signInFails(3)).toContain('not bound to a key');
    const [record] = storedConnections(stage);
    expect(record?.tokenType).toBe('DPoP');
    await stage.signIn('--dpop', 'off');
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(presented.at(-1)).toMatch(/^Bearer /);
  });

  test('a resource that takes no bound tokens after all is told of, and gets no bearer token', async () => {
    const { stage, options, presented } = await boundStage({
      prm: { dpop_bound_access_tokens_required: true },
    });
    options.schemes = ['Bearer'];
    const bridge = stage.bridge();
    expect(JSON.stringify(await initialize(bridge))).toContain('--dpop off');
    expect(schemesOf({ presented })).toEqual(['DPoP']);
    expect(stage.windows).toBe(1);
  });

  test('stored tokens of the other kind are left alone: on and off sign in anew', async () => {
    const { stage, presented } = await boundStage({ schemes: ['Bearer', 'DPoP'], takesBearer: true });
    await stage.connect('--dpop', 'off');
    await stage.connect('--dpop', 'on');
    await stage.connect();
    expect(schemesOf({ presented })).toEqual(['Bearer', 'DPoP']);
    expect(stage.windows).toBe(2);
  });

  test('a key that is none is told of, and its token is not sent', async () => {
    const { stage, presented } = await boundStage();
    await stage.signIn();
    const [record] = storedConnections(stage);
    const key = record?.dpopKey;
    if (!key) throw new Error('no key');
    await changeConnection(stage, { dpopKey: { ...key, x: 'A'.repeat(43) } });
    const { error } = await initialize(stage.bridge());
    expect(error?.message).toContain('sign in again');
    expect(presented).toEqual([]);
  });
});
