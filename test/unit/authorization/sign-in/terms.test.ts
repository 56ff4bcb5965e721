import { describe, expect, test } from 'vitest';
import { IssuerMemory } from '../../../../src/authorization/issuer-memory.ts';
import { SignInTerms } from '../../../../src/authorization/sign-in/terms.ts';
import type { SignInSettings } from '../../../../src/settings.ts';
import { ISSUER, newStore, SERVER, serverMetadata, signInTask } from '../../helpers/oauth-parts.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';

function terms(signIn: Partial<SignInSettings>, challenge: { scope?: string } = {}): SignInTerms {
  const chosen = {
    authorizationServer: serverMetadata({ scopes: ['openid', 'offline_access'] }),
    resource: undefined,
  };
  const memory = new IssuerMemory(newStore().store, ISSUER, SERVER);
  return new SignInTerms(signInTask({ signIn, challenge }), chosen, memory, recordingLogger().log);
}

describe('the scope of a sign-in for an ID token (OpenID Connect Core section 3.1.2.1)', () => {
  test.each<[Partial<SignInSettings>, { scope?: string }, string | undefined]>([
    [{}, {}, undefined],
    [{ useIdToken: true }, {}, 'openid offline_access'],
    [{ useIdToken: true }, { scope: 'a' }, 'openid a offline_access'],
    // Who gives both wants both, and nothing else.
    [{ useIdToken: true, scope: 'a' }, { scope: 'b' }, 'openid a'],
    [{ useIdToken: true, scope: 'a openid' }, {}, 'openid a'],
    [{ scope: 'a' }, { scope: 'b' }, 'a'],
  ])('%j, challenged for %j: %s', (signIn, challenge, scope) => {
    expect(terms(signIn, challenge).scope).toBe(scope);
  });
});
