// What each auth/* scenario of the suite asks of a client with the bridge behind it; see `client.mjs` for the fields.
import { deepStrictEqual, strictEqual } from 'node:assert';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAnswer } from './eras.mjs';

const isOfBridge = (error) => error.data?.source === 'mcp-drawbridge';

/** Whether the server's own tool is listed, now or within some seconds; false as soon as the list is refused. */
async function offersTestTool(client) {
  for (let end = Date.now() + 8000; Date.now() < end; await delay(200)) {
    try {
      const { tools } = await client.listTools();
      if (tools.some(({ name }) => name === 'test-tool')) return true;
    } catch (error) {
      if (isAnswer(error)) return false;
      throw error;
    }
  }
  return false;
}

async function useTestTool(client) {
  strictEqual(await offersTestTool(client), true, 'the tool of the server is listed');
  const { content } = await client.callTool({ name: 'test-tool', arguments: {} });
  deepStrictEqual(content, [{ type: 'text', text: 'test' }]);
}

/** The sign-in takes place within `initialize`, or `tools/list`: it is waited for as long as that may take. */
const patient = ['--initialize-wait', '15'];

const signsIn = { options: () => patient, run: useTestTool };

/** The bridge must not go on with the sign-in. */
const refuses = {
  options: () => [...patient, '--sign-in-timeout', '5'],
  run: async (client) => strictEqual(await offersTestTool(client), false, 'the tool of the server is listed'),
  unconnected: (error) => strictEqual(isOfBridge(error), true, error.message),
};

/** The document need not exist: the suite's authorization server compares its URL only. */
const clientMetadataUrl = 'https://conformance-test.local/client-metadata.json';

const signingIn = [
  'metadata-default',
  'metadata-var1',
  'metadata-var2',
  'metadata-var3',
  'scope-from-www-authenticate',
  'scope-from-scopes-supported',
  'scope-omitted-when-undefined',
  // A call that needs one scope more than the list of tools: a second window.
  'scope-step-up',
  'token-endpoint-auth-basic',
  'token-endpoint-auth-post',
  'token-endpoint-auth-none',
  '2025-03-26-oauth-metadata-backcompat',
  '2025-03-26-oauth-endpoint-fallback',
  'offline-access-scope',
  'offline-access-not-supported',
  'iss-supported',
  'iss-not-advertised',
  // Its metadata names another authorization server after the first request that was served: two windows.
  'authorization-server-migration',
  // Extensions. Found by `--dpop auto`: the metadata lists it, and the challenge is one for it.
  'dpop',
  'dpop-nonce',
];

const refusing = [
  'scope-retry-limit',
  'resource-mismatch',
  'iss-supported-missing',
  'iss-wrong-issuer',
  'iss-unexpected',
  'iss-normalized',
  'metadata-issuer-mismatch',
];

const named = (names, scenario) => names.map((name) => [`auth/${name}`, scenario]);

/** A file of this run with a secret in it. */
function fileWith(text) {
  const file = join(mkdtempSync(join(tmpdir(), 'conformance-')), 'secret');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

const scenarios = {
  ...Object.fromEntries([...named(signingIn, signsIn), ...named(refusing, refuses)]),
  'auth/basic-cimd': { ...signsIn, options: () => [...patient, '--client-metadata-url', clientMetadataUrl] },
  'auth/pre-registration': {
    ...signsIn,
    options: ({ client_id, client_secret, issuer }) => {
      const client = ['--client-id', client_id, '--client-secret', client_secret];
      return [...patient, ...client, '--issuer', issuer];
    },
  },
  'auth/client-credentials-basic': {
    ...signsIn,
    options: ({ client_id, client_secret }) => [
      ...patient,
      '--client-credentials',
      ...['--client-id', client_id, '--client-secret', client_secret],
    ],
  },
  'auth/client-credentials-jwt': {
    ...signsIn,
    options: ({ client_id, private_key_pem, signing_algorithm }) => [
      ...patient,
      '--client-credentials',
      ...['--client-id', client_id, '--client-key', fileWith(private_key_pem)],
      ...['--client-key-alg', signing_algorithm],
    ],
  },
  'auth/wif-jwt-bearer': {
    ...signsIn,
    options: ({ valid_jwt }) => [...patient, '--workload-token-file', fileWith(valid_jwt)],
  },
  // The suite's identity provider has no sign-in page, but the ID token of a user who has been there.
  'auth/enterprise-managed-authorization': {
    ...signsIn,
    options: ({ client_id, client_secret, idp_client_id, idp_id_token, idp_issuer, idp_token_endpoint }) => {
      const idTokenFile = fileWith(idp_id_token);
      const client = ['--client-id', client_id, '--client-secret', client_secret];
      const identityProvider = ['--idp-issuer', idp_issuer, '--idp-client-id', idp_client_id];
      const exchange = ['--idp-token-endpoint', idp_token_endpoint, '--id-token-file', idTokenFile];
      return [...patient, ...client, ...identityProvider, ...exchange];
    },
  },
};

/** The auth/* scenario of this name. */
export const authScenario = (name) => scenarios[name];
