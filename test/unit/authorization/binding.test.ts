import { describe, expect, test } from 'vitest';
import { type BindingQuestion, bindingChoice, chooseBinding } from '../../../src/authorization/binding.ts';
import { generateDpopKey } from '../../../src/authorization/dpop.ts';
import type { ProtectedResourceMetadata } from '../../../src/authorization/metadata.ts';
import type { ConnectionRecord, StoredConnection } from '../../../src/credentials/record.ts';
import { connectionRecord, ISSUER, SERVER, serverMetadata, signInSettings } from '../helpers/oauth-parts.ts';

const stored = (more: Partial<ConnectionRecord>): StoredConnection => ({
  id: 'id',
  generation: 1,
  record: connectionRecord(more),
});

interface Case {
  dpop?: 'auto' | 'on' | 'off';
  useIdToken?: boolean;
  issuer?: string[];
  resource?: Partial<ProtectedResourceMetadata>;
  challenge?: true;
  wasBound?: string;
}

function question({ dpop = 'auto', useIdToken = false, ...rest }: Case): BindingQuestion {
  const bound = { tokenType: 'DPoP', dpopKey: generateDpopKey(), issuer: rest.wasBound ?? '' } as const;
  return {
    signIn: signInSettings({ dpop, useIdToken }),
    authorizationServer: serverMetadata({ dpopAlgorithms: rest.issuer }),
    resource: {
      resource: SERVER,
      authorizationServers: [ISSUER],
      scopes: undefined,
      requiresBoundTokens: undefined,
      dpopAlgorithms: undefined,
      ...rest.resource,
    },
    challenge: { dpop: rest.challenge },
    known: [stored({}), ...(rest.wasBound === undefined ? [] : [stored(bound)])],
  };
}

const listed = { dpopAlgorithms: ['RS256', 'ES256'] };
const unknown = { dpopAlgorithms: ['RS256'] };

describe('whether tokens are bound (docs/decisions/0015) [X-24]', () => {
  test.each<[string, Case, string]>([
    ['nobody says anything', {}, 'none'],
    ['only the authorization server lists it', { issuer: ['ES256'] }, 'none'],
    ['the resource lists it', { issuer: ['ES256'], resource: listed }, 'offered'],
    ['the resource lists it, the authorization server nothing', { resource: listed }, 'offered'],
    ['the resource requires it', { issuer: ['ES256'], resource: { requiresBoundTokens: true } }, 'offered'],
    ['the challenge is for it', { issuer: ['ES256'], challenge: true }, 'offered'],
    ['the challenge is for it, the metadata for others', { challenge: true, resource: unknown }, 'none'],
    [
      'it is required, with what we do not know',
      { resource: { ...unknown, requiresBoundTokens: true } },
      'none',
    ],
    ['the authorization server does not know ours', { issuer: ['RS256'], challenge: true }, 'none'],
    ['the authorization server lists an empty list', { issuer: [], challenge: true }, 'none'],
    ['on, and nobody says anything', { dpop: 'on' }, 'required'],
    ['on, and the resource lists others', { dpop: 'on', resource: unknown }, 'required'],
    ['off, whatever is said', { dpop: 'off', issuer: ['ES256'], resource: listed, challenge: true }, 'none'],
    ['off, though it was bound before', { dpop: 'off', wasBound: ISSUER }, 'none'],
    ['it was bound before, and nobody says anything now', { wasBound: ISSUER }, 'required'],
    ['it was bound at another issuer', { wasBound: 'https://other.example' }, 'none'],
    ['an ID token is presented', { useIdToken: true, issuer: ['ES256'], challenge: true }, 'none'],
  ])('%s', (_name, given, choice) => {
    expect(bindingChoice(question(given))).toBe(choice);
    const binding = chooseBinding(question(given));
    expect(binding?.isRequired).toBe(choice === 'none' ? undefined : choice === 'required');
  });

  test.each<Case>([{ dpop: 'on' }, { wasBound: ISSUER }])(
    'where it has to be and can not, that is said: %j',
    (given) => {
      expect(() => bindingChoice(question({ ...given, issuer: ['RS256'] }))).toThrow(
        /ES256; give --dpop off/,
      );
    },
  );

  test('each choice makes a key of its own', () => {
    const keys = [1, 2].map(() => chooseBinding(question({ dpop: 'on' }))?.dpop.key.d);
    expect(keys[0]).not.toBe(keys[1]);
  });

  test('without metadata of the resource, its challenge tells', () => {
    const without = { ...question({ issuer: ['ES256'], challenge: true }), resource: undefined };
    expect(bindingChoice(without)).toBe('offered');
    expect(bindingChoice({ ...without, challenge: {} })).toBe('none');
  });
});
