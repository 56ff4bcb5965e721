import { describe, expect, test } from 'vitest';
import { deviceHelp, granted, grantedDocument, redirectHelp } from '../../../../src/cli/login/texts.ts';
import { connectionRecord, SERVER } from '../../helpers/oauth-parts.ts';

const NOW = Date.UTC(2026, 6, 28, 12);
const host = { user: 'ada', name: 'devbox', sshPort: undefined };
const caution =
  'Paste only what comes of a sign-in that you have begun yourself; never for somebody who asks you to.';

describe('how the redirect gets here', () => {
  test('over SSH: the whole command', () => {
    expect(redirectHelp('ssh', 33418, false, host)).toBe(
      [
        'You are on this machine over SSH, and the browser has to come back to http://127.0.0.1:33418. Either run this first, in',
        'another terminal of the machine that has the browser (with the name that you use for this one):',
        '',
        '  ssh -L 33418:127.0.0.1:33418 ada@devbox',
        '',
        'or paste the address that the browser ends at (http://127.0.0.1:33418/…) here, though it can not open it.',
        caution,
      ].join('\n'),
    );
    expect(redirectHelp('ssh', 1, false, { ...host, sshPort: '2222' })).toContain(
      '  ssh -L 1:127.0.0.1:1 -p 2222 ada@devbox\n',
    );
    expect(redirectHelp('ssh', 1, false, { ...host, sshPort: '22' })).toContain('127.0.0.1:1 ada@devbox\n');
  });

  test.each([
    ['container', 'This is a container, which the browser may not reach: paste the address'],
    ['wsl', 'If the browser in Windows does not reach this system (WSL): paste the address'],
    ['desktop', 'If the browser is on another machine: paste the address'],
  ] as const)('in a %s', (place, text) => {
    const help = redirectHelp(place, 5, true, host);
    expect(help).toContain(text);
    expect(help.endsWith(`\n${caution}`)).toBe(true);
  });
});

test('the device code, whole', () => {
  const prompt = {
    userCode: 'WDJB-MJHT',
    verificationUri: 'https://as.example/activate',
    verificationUriComplete: 'https://as.example/activate?user_code=WDJB-MJHT',
    issuer: 'as.example',
    isOtherSite: false,
    expiresIn: 1,
  };
  expect(deviceHelp(prompt, 'mcp.example', 'dev\u001bbox')).toEqual({
    before: 'On any device, open this page and enter the code below:',
    after: [
      '',
      '  Code: WDJB-MJHT',
      '',
      'or open this one, which has the code in it:',
      '  https://as.example/activate?user_code=WDJB-MJHT',
      '',
      'You started this on devbox, to sign in to mcp.example. Nobody else should ask you for this code, or give you one.',
    ].join('\n'),
  });
  const foreign = { ...prompt, isOtherSite: true, verificationUriComplete: undefined };
  expect(deviceHelp(foreign, 'mcp.example', 'devbox').after).toContain(
    '\nWARNING: this page belongs to as.example, not to as.example, where you sign in.',
  );
});

describe('what was granted', () => {
  const record = connectionRecord({ scope: 'a b', expiresAt: NOW + 3_600_000 });

  test('for people', () => {
    expect(granted(record, NOW)).toBe(
      [
        'Signed in to mcp.example through as.example.',
        'Scopes: a b.',
        'Access token: expires in 60 min (2026-07-28 13:00 UTC); it is renewed by itself.',
      ].join('\n'),
    );
    const bare = { ...record, scope: undefined, expiresAt: undefined, refreshToken: undefined };
    expect(granted({ ...bare, profile: 'work' }, NOW)).toBe(
      [
        'Signed in to mcp.example (profile work) through as.example.',
        'Scopes: the default ones.',
        'Access token: it does not say when it expires; it can not be renewed, so you will be asked again.',
      ].join('\n'),
    );
    expect(granted({ ...bare, personalToken: true }, NOW)).toBe(
      [
        'Stored the personal access token for mcp.example; bridges use it from now on.',
        'Nothing in it says when it expires.',
      ].join('\n'),
    );
  });

  test('for programs, without a secret', () => {
    const document = grantedDocument({ ...record, server: `${SERVER}?key=s3cret` });
    expect(document).toEqual({
      schema: 'mcp-drawbridge/login',
      version: 1,
      server: `${SERVER}?…`,
      profile: 'default',
      kind: 'oauth',
      grant: null,
      issuer: 'https://as.example',
      account: null,
      scopes: ['a', 'b'],
      resource: SERVER,
      expiresAt: '2026-07-28T13:00:00Z',
      refreshable: true,
    });
  });
});
