import { describe, expect, test } from 'vitest';
import { loginCommand } from '../../../../src/authorization/sign-in/command.ts';
import type { SignInSettings } from '../../../../src/settings.ts';
import { SERVER, settingsFor } from '../../helpers/oauth-parts.ts';

const command = (signIn: Partial<SignInSettings> = {}, url = SERVER) =>
  loginCommand(settingsFor(url, signIn));

describe('the command that signs in from a terminal', () => {
  test('with nothing but the URL', () => {
    expect(command()).toBe('npx -y mcp-drawbridge login https://mcp.example/mcp');
  });

  test('with what makes it the same connection and lets it succeed', () => {
    expect(
      command({
        profile: 'work',
        clientId: 'my client',
        issuer: 'https://as.example/tenant',
        scope: 'a b',
        resource: 'https://api.example',
        allowMissingPkce: true,
      }),
    ).toBe(
      'npx -y mcp-drawbridge login https://mcp.example/mcp --profile work --client-id "my client" --issuer https://as.example/tenant --scope "a b" --resource https://api.example --allow-missing-pkce',
    );
    expect(command({ resource: null, clientMetadataUrl: 'https://me.example/c' })).toBe(
      'npx -y mcp-drawbridge login https://mcp.example/mcp --client-metadata-url https://me.example/c --no-resource',
    );
    expect(command({}, 'http://mcp.corp/mcp')).toBe(
      'npx -y mcp-drawbridge login http://mcp.corp/mcp --allow-http',
    );
    expect(command({}, 'http://127.0.0.1:3/mcp')).toBe('npx -y mcp-drawbridge login http://127.0.0.1:3/mcp');
  });

  test('with the redirect that is registered with a client, and only with one', () => {
    const callback = { host: 'localhost', port: 3334, path: '/oauth/callback' } as const;
    expect(command({ clientId: 'c', clientAuthMethod: 'client_secret_post', callback })).toContain(
      'login https://mcp.example/mcp --client-id c --client-auth-method client_secret_post --callback-port 3334 --callback-host localhost --callback-path /oauth/callback',
    );
    expect(
      command({ clientId: 'c', clientSecret: 's', grant: 'client-credentials', callback }),
    ).not.toContain('callback');
    expect(command({ callback })).toBe('npx -y mcp-drawbridge login https://mcp.example/mcp');
  });

  test('by another way than the settings say', () => {
    const settings = settingsFor(SERVER, { deviceCode: true, profile: 'work', clientId: 'c', scope: 'a' });
    const start = 'npx -y mcp-drawbridge login https://mcp.example/mcp --profile work';
    expect(loginCommand(settings)).toBe(`${start} --client-id c --scope a --device-code`);
    expect(loginCommand(settings, '--no-browser')).toBe(`${start} --client-id c --scope a --no-browser`);
    expect(loginCommand(settings, '--with-token')).toBe(`${start} --with-token`);
  });

  test('no secret is in it: neither that of the client nor a key in the query [72]', () => {
    const text = command({ clientId: 'c', clientSecret: 's3cret' }, `${SERVER}?key=s3cret`);
    expect(text).toBe('npx -y mcp-drawbridge login "https://mcp.example/mcp?…" --client-id c');
  });

  test('what a shell would take for more than text is quoted', () => {
    expect(command({ clientId: '$(id) `id` "x" \\ ;&|' })).toContain(
      '--client-id "\\$(id) \\`id\\` \\"x\\" \\\\ ;&|"',
    );
    expect(command({ scope: 'a;b' })).toContain('--scope "a;b"');
    expect(command({ profile: 'Ärger' })).toContain('--profile "Ärger"');
  });
});
