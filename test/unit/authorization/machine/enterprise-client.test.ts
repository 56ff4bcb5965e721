import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { EnterpriseGrant } from '../../../../src/authorization/machine/enterprise.ts';
import { MachineTokens } from '../../../../src/authorization/machine/machine-tokens.ts';
import { OAuthHttp } from '../../../../src/platform/oauth-http.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { unsignedJwt } from '../../helpers/jwt.ts';
import { metadataDocument, newStore, SERVER, settingsFor } from '../../helpers/oauth-parts.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';
import { ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const document = 'https://client.example/mcp/client.json';

async function obtain(takesDocuments: boolean) {
  const network = new ScriptedOAuthHttp()
    .on('https://mcp.example/.well-known/oauth-protected-resource/mcp', {
      json: { resource: SERVER, authorization_servers: ['https://as.example'], scopes_supported: ['a'] },
    })
    .on('https://as.example/.well-known/oauth-authorization-server', {
      json: metadataDocument('https://as.example', {
        client_id_metadata_document_supported: takesDocuments,
      }),
    })
    .on('https://idp.example/exchange', {
      json: {
        issued_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
        access_token: unsignedJwt({}, { typ: 'oauth-id-jag+jwt' }),
        token_type: 'N_A',
      },
    })
    .on('https://as.example/token', { json: { access_token: 'access', token_type: 'Bearer' } });
  vi.spyOn(OAuthHttp.prototype, 'request').mockImplementation((url, request) =>
    network.request(url, request),
  );
  onTestFinished(() => void vi.restoreAllMocks());
  const idTokenFile = join(tempFolder(), 'id-token');
  writeFileSync(idTokenFile, unsignedJwt({ sub: 'me' }));
  const settings = settingsFor(SERVER, {
    grant: 'enterprise',
    clientMetadataUrl: document,
    identityProvider: {
      issuer: undefined,
      clientId: 'desktop',
      clientSecret: undefined,
      tokenEndpoint: 'https://idp.example/exchange',
      idTokenFile,
    },
  });
  const { store, folder } = newStore();
  const { log } = recordingLogger();
  const grant = new EnterpriseGrant(settings, folder, store, log);
  const tokens = new MachineTokens({ settings, folder, store, log }, grant);
  return { network, result: await tokens.obtain({ challenge: {} }) };
}

test('[X-13] who is not registered at the server is known there by a metadata document', async () => {
  const { network, result } = await obtain(true);
  expect(result).toMatchObject({ kind: 'renewed' });
  const { client_id, client_secret, resource, scope } = network.of('https://as.example/token')[0]?.form ?? {};
  expect([client_id, client_secret, resource, scope]).toEqual([document, undefined, SERVER, 'a']);
  expect(network.of('https://idp.example/exchange')[0]?.form.client_id).toBe('desktop');
  // Discovery and both requests; nobody registers or authorizes anything (RFC 7591 is no part of it).
  expect(network.places.filter((place) => /register|authorize/.test(place))).toEqual([]);
});

test('[X-13] where the server takes none, the error says what is needed', async () => {
  const { network, result } = await obtain(false);
  expect(result).toMatchObject({ kind: 'failed', error: { reason: 'sign-in-refused' } });
  expect(JSON.stringify(result)).not.toContain('access');
  expect(network.of('https://idp.example/exchange')).toEqual([]);
});
