import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeForSuite } from './node-for-suite.ts';
import { type Check, type ClientEra, runScenario } from './suite.ts';

/**
 * For each revision the client scenarios that are run on its wire, and how many different checks have to succeed:
 * a check that the suite no longer makes is not taken for one that passed. `client.mjs` plays each of them.
 */
const scenarios: Record<string, Record<string, number>> = {
  '2025-03-26': {
    'auth/2025-03-26-oauth-metadata-backcompat': 9,
    'auth/2025-03-26-oauth-endpoint-fallback': 4,
  },
  '2025-11-25': {
    initialize: 1,
    tools_call: 2,
    'elicitation-sep1034-client-defaults': 5,
    'sse-retry': 3,
    // Run by the suite without being scored for this revision.
    'json-schema-2020-12-preservation': 9,
    'auth/metadata-default': 15,
    'auth/metadata-var1': 15,
    'auth/metadata-var2': 15,
    'auth/metadata-var3': 15,
    'auth/basic-cimd': 10,
    'auth/scope-from-www-authenticate': 11,
    'auth/scope-from-scopes-supported': 11,
    'auth/scope-omitted-when-undefined': 11,
    'auth/scope-step-up': 12,
    'auth/scope-retry-limit': 10,
    'auth/token-endpoint-auth-basic': 16,
    'auth/token-endpoint-auth-post': 16,
    'auth/token-endpoint-auth-none': 16,
    'auth/pre-registration': 10,
    'auth/dpop': 12,
    'auth/dpop-nonce': 14,
    'auth/enterprise-managed-authorization': 6,
    'auth/client-credentials-basic': 5,
    'auth/client-credentials-jwt': 5,
    'auth/wif-jwt-bearer': 5,
  },
  '2026-07-28': {
    tools_call: 2,
    'request-metadata': 8,
    'sep-2322-client-request-state': 5,
    'http-standard-headers': 9,
    'http-custom-headers': 18,
    'http-invalid-tool-headers': 12,
    'json-schema-ref-no-deref': 1,
    'json-schema-2020-12-preservation': 9,
    'auth/metadata-default': 16,
    'auth/metadata-var1': 16,
    'auth/metadata-var2': 16,
    'auth/metadata-var3': 16,
    'auth/basic-cimd': 10,
    'auth/scope-from-www-authenticate': 12,
    'auth/scope-from-scopes-supported': 12,
    'auth/scope-omitted-when-undefined': 12,
    'auth/scope-step-up': 14,
    'auth/scope-retry-limit': 11,
    'auth/token-endpoint-auth-basic': 17,
    'auth/token-endpoint-auth-post': 17,
    'auth/token-endpoint-auth-none': 17,
    'auth/pre-registration': 10,
    'auth/resource-mismatch': 2,
    'auth/offline-access-scope': 13,
    'auth/offline-access-not-supported': 12,
    'auth/authorization-server-migration': 14,
    'auth/iss-supported': 12,
    'auth/iss-not-advertised': 12,
    'auth/iss-supported-missing': 8,
    'auth/iss-wrong-issuer': 8,
    'auth/iss-unexpected': 8,
    'auth/iss-normalized': 8,
    'auth/metadata-issuer-mismatch': 3,
    'auth/dpop': 13,
    'auth/dpop-nonce': 15,
    'auth/enterprise-managed-authorization': 6,
    'auth/client-credentials-basic': 5,
    'auth/client-credentials-jwt': 5,
    'auth/wif-jwt-bearer': 5,
  },
};

/** Checks that the suite skips: a server of 2026-07-28 is never sent these, whatever the client sends. */
const skipped = new Set([
  'ClientMcpMethodHeader_initialize',
  'ClientMcpMethodHeader_notifications_initialized',
]);

/** Defines a test for each scenario of each revision, with a client of this era in front of the bridge. */
export function conformanceWith(era: ClientEra): void {
  let node: string | undefined;
  let reason = '';
  const lines: string[] = [];

  beforeAll(async () => {
    try {
      node = await nodeForSuite();
    } catch (error) {
      const why = String(error).replaceAll(/\s+/g, ' ').slice(0, 400);
      reason = `the conformance suite needs Node 22, and none could be had: ${why}`;
      console.warn(`skipped: ${reason}`);
    }
  }, 180_000);

  afterAll(() => {
    if (lines.length > 0) console.log(lines.join('\n'));
  });

  describe.each(Object.entries(scenarios))(
    `conformance to %s, a ${era} client in front`,
    (specVersion, rows) => {
      it.for(Object.entries(rows))('%s', async ([scenario, count], { skip }) => {
        if (node === undefined) return skip(reason);
        const { exitCode, checks, output } = await runScenario(node, scenario, specVersion, era);
        const judged = checks.filter(({ status, name }) => status !== 'INFO' && !skipped.has(name));
        const passed = judged.filter(({ status }) => status === 'SUCCESS');
        const what = `conformance ${specVersion} ${scenario}, ${era} client`;
        lines.push(`${what}: ${passed.length} of ${judged.length} checks passed`);
        expect(judged.filter(({ status }) => status !== 'SUCCESS').map(inWords), output).toEqual([]);
        expect(new Set(passed.map(({ id, name }) => `${id} ${name}`)).size, output).toBeGreaterThanOrEqual(
          count,
        );
        expect(exitCode, output).toBe(0);
      });
    },
  );
}

function inWords({ id, name, status, description, errorMessage }: Check): string {
  return `${status} ${id} ${name}: ${errorMessage ?? description}`;
}
