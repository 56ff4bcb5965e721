import { expect, test } from 'vitest';
import { Renewal } from '../../../src/authorization/renewal.ts';
import { bearer, stage } from '../helpers/authorizer-stage.ts';
import { settingsFor } from '../helpers/oauth-parts.ts';
import { recordingLogger } from '../helpers/recording-logger.ts';

const OTHER = 'https://other.example';

async function start() {
  const staged = await stage();
  const { log } = recordingLogger();
  const renewalOf = (signIn = {}) => new Renewal(settingsFor(staged.remote.url, signIn), staged.store, log);
  return { ...staged, renewalOf };
}

test('A-15: the issuer that the server names now', async () => {
  const { renewalOf, remote, server } = await start();
  const renewal = renewalOf();
  expect(await renewal.issuerNow(undefined, server.issuer)).toBe(server.issuer);
  remote.protection.authorizationServers = [OTHER, server.issuer];
  expect(await renewal.issuerNow(undefined, server.issuer)).toBe(server.issuer);
  remote.protection.authorizationServers = [OTHER, 'https://third.example'];
  expect(await renewal.issuerNow(undefined, server.issuer)).toBe(OTHER);
  // Each time anew.
  expect(remote.metadataRequests.length).toBe(3);
  expect(await renewalOf({ issuer: server.issuer }).issuerNow(undefined, server.issuer)).toBe(server.issuer);
  expect(remote.metadataRequests.length).toBe(3);
});

test.each<[string, Parameters<typeof Object.assign>[1]]>([
  ['none', false],
  ['those of another resource', { resource: OTHER, authorization_servers: [OTHER] }],
  ['no JSON', () => '<html>'],
])('where the metadata are %s, nothing is learned, and nothing changes', async (_what, prm) => {
  const { renewalOf, remote, server } = await start();
  remote.protection.prm = prm;
  expect(await renewalOf().issuerNow(undefined, server.issuer)).toBe(server.issuer);
});

test('the place that the challenge names is asked first', async () => {
  const { renewalOf, remote, server } = await start();
  remote.protection.prmAt = 'challenge-only';
  remote.protection.authorizationServers = [OTHER];
  expect(await renewalOf().issuerNow(undefined, server.issuer)).toBe(server.issuer);
  expect(await renewalOf().issuerNow(`${remote.origin}/about/protection.json`, server.issuer)).toBe(OTHER);
});

test('a refusal that no waiting heals is told with the command that may', async () => {
  const { renewalOf, server, signedIn } = await start();
  const stored = await signedIn({ client: { id: 'c', authMethod: 'none', source: 'configured' } });
  server.on('token', (exchange) => exchange.json(400, { error: 'invalid_request' }));
  const refreshed = await renewalOf().refresh(stored, bearer(stored).slice('Bearer '.length));
  expect(refreshed).toMatchObject({
    kind: 'failed',
    error: { reason: 'authorization-server', message: expect.stringContaining('if this stays so, run: npx') },
  });
});
