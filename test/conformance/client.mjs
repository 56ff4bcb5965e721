// The client under test of the official conformance suite: a stdio client of the MCP SDK with the bridge behind it.
//   node client.mjs <server-url>
// The suite appends the URL and names the scenario in MCP_CONFORMANCE_SCENARIO. CLIENT_ERA, `legacy` or `modern`, names
// the era that the client speaks, whatever the server does. BRIDGE_COMMAND, a JSON array, starts another bridge than
// the built one. Exit code 0: every step went well; whether the traffic was right, the suite judges.
import { deepStrictEqual, ok } from 'node:assert';
import { fileURLToPath } from 'node:url';
import { authScenario } from './auth-scenarios.mjs';
import { eras, isAnswer } from './eras.mjs';

/** Below the suite's own limit, which would kill this process and leave the bridge behind. */
const deadline = 20_000;

const textResult = (text) => [{ type: 'text', text }];
const call = (client, name, args = {}) => client.callTool({ name, arguments: args });
const accepting = (content) => () => ({ action: 'accept', content });

/** For servers that judge each message, even the `initialize` by which the bridge finds out which era they are of. */
const pinned = { options: (_context, era) => (era === 'legacy' ? ['--era', 'modern'] : []) };

/**
 * What each scenario asks of a client: `capabilities` to declare, `elicited` for the answer to elicitation, `options`
 * for the bridge (given the scenario's own context and the era of the client), and the steps of `run` once the client is connected. Where a
 * refused connection is no failure, `unconnected` looks at its error.
 */
const scenarios = {
  initialize: { run: (client) => client.listTools() },
  tools_call: {
    run: async (client) => {
      await client.listTools();
      const { content } = await call(client, 'add_numbers', { a: 5, b: 3 });
      deepStrictEqual(content, textResult('The sum of 5 and 3 is 8'));
    },
  },
  'elicitation-sep1034-client-defaults': {
    capabilities: { elicitation: { form: { applyDefaults: true } } },
    elicited: accepting({}),
    run: async (client) => {
      await client.listTools();
      await call(client, 'test_client_elicitation_defaults');
    },
  },
  'sse-retry': {
    run: async (client) => {
      await client.listTools();
      const { content } = await call(client, 'test_reconnection');
      deepStrictEqual(content, textResult('Reconnection test completed successfully'));
    },
  },
  'json-schema-2020-12-preservation': {
    run: async (client) => {
      const { tools } = await client.listTools();
      const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema;
      await call(client, 'json_schema_echo', { schema });
    },
  },
  'json-schema-ref-no-deref': { run: (client) => client.listTools() },
  'request-metadata': {
    ...pinned,
    capabilities: { roots: {}, sampling: {}, elicitation: {} },
    run: async (client) => {
      await client.listTools();
      await call(client, 'anything');
    },
  },
  'sep-2322-client-request-state': {
    capabilities: { elicitation: {} },
    elicited: accepting({ confirmed: true }),
    run: async (client) => {
      await client.listTools();
      const names = ['echo_state', 'unrelated', 'no_state', 'no_result_type'];
      // All at once: what belongs to one call must not turn up in another.
      const results = await Promise.all(names.map((name) => call(client, `test_mrtr_${name}`)));
      const texts = ['echo-state-ok', 'unrelated-ok', 'no-state-ok', 'no-result-type-test-ok'];
      deepStrictEqual(
        results.map(({ content }) => content),
        texts.map(textResult),
      );
    },
  },
  'http-standard-headers': {
    ...pinned,
    run: async (client) => {
      const { tools } = await client.listTools();
      for (const { name } of tools) await call(client, name);
      const { resources } = await client.listResources();
      for (const { uri } of resources) await client.readResource({ uri });
      const { prompts } = await client.listPrompts();
      for (const { name } of prompts) await client.getPrompt({ name });
    },
  },
  'http-custom-headers': {
    run: async (client, { toolCalls }) => {
      await client.listTools();
      for (const { name, arguments: args } of toolCalls) await call(client, name, args);
    },
  },
  'http-invalid-tool-headers': {
    run: async (client) => {
      const { tools } = await client.listTools();
      ok(tools.length > 0, 'a tool is listed');
      // Each that is left: those with a wrong annotation must not be.
      for (const { name, inputSchema } of tools) await call(client, name, argumentsFor(inputSchema));
    },
  },
};

const samples = { string: 'text', object: {}, array: [], null: null, number: 1.5 };

const argumentsFor = ({ properties }) =>
  Object.fromEntries(Object.entries(properties).map(([name, { type }]) => [name, samples[type]]));

async function play(name, url) {
  const scenario = scenarios[name] ?? authScenario(name);
  if (scenario === undefined) throw new Error(`this client has no scenario named ${name}`);
  const era = process.env.CLIENT_ERA ?? 'legacy';
  const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
  const built = fileURLToPath(new URL('../../bin/mcp-drawbridge.js', import.meta.url));
  const [command, ...args] = JSON.parse(process.env.BRIDGE_COMMAND ?? 'null') ?? [process.execPath, built];
  const transport = eras[era].transport({
    command,
    args: [...args, url, ...(scenario.options?.(context, era) ?? [])],
    env: process.env,
    stderr: 'inherit',
  });
  const timer = setTimeout(() => {
    console.error(`the scenario was not done after ${deadline} ms`);
    if (transport.pid) process.kill(transport.pid, 'SIGKILL');
    process.exit(1);
  }, deadline);
  try {
    await playOn(transport, eras[era], scenario, context);
  } finally {
    clearTimeout(timer);
  }
}

async function playOn(transport, { client: makeClient }, scenario, context) {
  const client = makeClient(scenario.capabilities ?? {}, scenario.elicited);
  const faults = [];
  client.onerror = (error) => faults.push(error);
  try {
    const refusal = await client.connect(transport).catch((error) => {
      if (scenario.unconnected && isAnswer(error)) return error;
      throw error;
    });
    if (refusal === undefined) await scenario.run(client, context);
    else scenario.unconnected(refusal);
  } finally {
    await client.close();
  }
  if (faults.length > 0) throw new AggregateError(faults, `the client saw ${faults.length} faults`);
}

play(process.env.MCP_CONFORMANCE_SCENARIO, process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
