import { describe, expect, test } from 'vitest';
import { fixCommand } from '../../../../src/cli/stored/fix-command.ts';
import type { ConnectionRecord } from '../../../../src/credentials/record.ts';
import { connectionRecord, SERVER } from '../../helpers/oauth-parts.ts';

const configured = (id: string): ConnectionRecord['client'] => ({
  id,
  source: 'configured',
  authMethod: 'client_secret_basic',
});
const identityProvider = connectionRecord({
  server: 'https://idp.example/tenant',
  issuer: 'https://idp.example/tenant',
  client: configured('desktop'),
  idToken: 'i',
});
const served = connectionRecord({
  client: configured('mcp-client'),
  grant: 'enterprise',
  identityProvider: 'https://idp.example/tenant',
});
const fixOf = (record: ConnectionRecord, all: ConnectionRecord[]): string | null =>
  fixCommand(record.server, record.profile, record, all);

describe('a sign-in at an identity provider', () => {
  const command = `npx -y mcp-drawbridge login ${SERVER} --client-id mcp-client --idp-issuer https://idp.example/tenant --idp-client-id desktop`;

  test('is made for a server that is used through it', () => {
    const other = connectionRecord({ ...served, server: 'https://other.example/mcp', profile: 'work' });
    expect(fixOf(identityProvider, [other, identityProvider, served])).toBe(command);
    expect(fixOf(served, [identityProvider, served])).toBe(command);
  });

  test('is not made where nothing is used through it', () => {
    expect(fixOf(identityProvider, [identityProvider, connectionRecord()])).toBeNull();
  });
});

test('the ID token that is presented to a server is got by the same option', () => {
  expect(fixOf(connectionRecord({ idToken: 'i' }), [])).toBe(
    `npx -y mcp-drawbridge login ${SERVER} --use-id-token`,
  );
});

test('any other is made for its own server', () => {
  expect(fixOf(connectionRecord(), [identityProvider, served])).toBe(`npx -y mcp-drawbridge login ${SERVER}`);
  expect(fixCommand(SERVER, 'work')).toBe(`npx -y mcp-drawbridge login ${SERVER} --profile work`);
});
