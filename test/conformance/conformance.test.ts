import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeForSuite } from './node-for-suite.ts';
import { type Check, runScenario } from './suite.ts';

/**
 * For each revision the client scenarios that are run on its wire, and how many of their checks have to succeed:
 * a check that the suite no longer makes is not taken for one that passed. `client.mjs` plays each of them.
 */
const scenarios: Record<string, Record<string, number>> = {
  '2025-11-25': {
    initialize: 1,
    tools_call: 2,
    'elicitation-sep1034-client-defaults': 5,
    'sse-retry': 3,
    // Run by the suite without being scored for this revision.
    'json-schema-2020-12-preservation': 9,
  },
};

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

describe.each(Object.entries(scenarios))('conformance to %s', (specVersion, rows) => {
  it.for(Object.entries(rows))('%s', async ([scenario, count], { skip }) => {
    if (node === undefined) return skip(reason);
    const { exitCode, checks, output } = await runScenario(node, scenario, specVersion);
    const judged = checks.filter(({ status }) => status !== 'INFO');
    const passed = judged.filter(({ status }) => status === 'SUCCESS');
    lines.push(`conformance ${specVersion} ${scenario}: ${passed.length} of ${judged.length} checks passed`);
    expect(judged.filter(({ status }) => status !== 'SUCCESS').map(inWords), output).toEqual([]);
    expect(passed.length, output).toBeGreaterThanOrEqual(count);
    expect(exitCode, output).toBe(0);
  });
});

function inWords({ id, status, description, errorMessage }: Check): string {
  return `${status} ${id}: ${errorMessage ?? description}`;
}
