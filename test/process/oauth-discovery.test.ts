import { describe, expect, test } from 'vitest';
import { echoed, callEcho, oauthStage } from '../support/oauth-stage.ts';

/** Paths of the requests at the remote before its first authorized one. */
const wellKnown = '/.well-known/oauth-protected-resource';

describe('the protected resource metadata', () => {
  test('is read from the URL of the challenge alone, where there is one', async () => {
    const stage = await oauthStage({ protection: { prmAt: 'challenge-only' } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.remote.metadataRequests.map(({ path }) => path)).toEqual(['/about/protection.json']);
    expect(stage.windows).toBe(1);
  });
});
