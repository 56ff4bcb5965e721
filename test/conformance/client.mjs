// The client under test of the official conformance suite: a stdio client of the MCP SDK with the bridge behind it.
//   node client.mjs <server-url>
// The suite appends the URL and names the scenario in MCP_CONFORMANCE_SCENARIO. BRIDGE_COMMAND, a JSON array, starts
// another bridge than the built one. Exit code 0: every step went well; whether the traffic was right, the suite judges.
import { deepStrictEqual } from 'node:assert';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import { authScenario } from './auth-scenarios.mjs';

/** Below the suite's own limit, which would kill this process and leave the bridge behind. */
const deadline = 20_000;

/**
 * What each scenario asks of a client: `capabilities` to declare, `prepare` for handlers before `initialize`,
 * `options` for the bridge (given the scenario's own context), and the steps of `run` after `initialize`. Where a
 * refused `initialize` is no failure, `unconnected` looks at its error. `raw` takes the place of all that: it gets a
 * function that sends a request and gives the answer, and one that signs in by the command.
 */
const scenarios = {
  initialize: { run: (client) => client.listTools() },
  tools_call: {
    run: async (client) => {
      await client.listTools();
      const result = await client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } });
      deepStrictEqual(result.content, [{ type: 'text', text: 'The sum of 5 and 3 is 8' }]);
    },
  },
  'elicitation-sep1034-client-defaults': {
    capabilities: { elicitation: { form: { applyDefaults: true } } },
    prepare: (client) =>
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: {} })),
    run: async (client) => {
      await client.listTools();
      await client.callTool({ name: 'test_client_elicitation_defaults', arguments: {} });
    },
  },
  'sse-retry': {
    run: async (client) => {
      await client.listTools();
      const result = await client.callTool({ name: 'test_reconnection', arguments: {} });
      const text = 'Reconnection test completed successfully';
      deepStrictEqual(result.content, [{ type: 'text', text }]);
    },
  },
  'json-schema-2020-12-preservation': {
    run: async (client) => {
      const { tools } = await client.listTools();
      const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema;
      await client.callTool({ name: 'json_schema_echo', arguments: { schema } });
    },
  },
};

async function play(name, url) {
  const scenario = scenarios[name] ?? authScenario(name, process.env.MCP_CONFORMANCE_PROTOCOL_VERSION);
  if (scenario === undefined) throw new Error(`this client has no scenario named ${name}`);
  const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
  const built = fileURLToPath(new URL('../../bin/mcp-drawbridge.js', import.meta.url));
  const [command, ...args] = JSON.parse(process.env.BRIDGE_COMMAND ?? 'null') ?? [process.execPath, built];
  const transport = new StdioClientTransport({
    command,
    args: [...args, url, ...(scenario.options?.(context) ?? [])],
    env: process.env,
    stderr: 'inherit',
  });
  const timer = setTimeout(() => {
    console.error(`the scenario was not done after ${deadline} ms`);
    if (transport.pid) process.kill(transport.pid, 'SIGKILL');
    process.exit(1);
  }, deadline);
  try {
    if (scenario.raw === undefined) await playConnected(scenario, transport);
    else await playRaw(scenario, transport);
  } finally {
    clearTimeout(timer);
  }
}

async function playConnected(scenario, transport) {
  const client = new Client(
    { name: 'conformance-client', version: '1.0.0' },
    { capabilities: scenario.capabilities ?? {} },
  );
  const faults = [];
  client.onerror = (error) => faults.push(error);
  scenario.prepare?.(client);
  try {
    const refusal = await client.connect(transport).catch((error) => {
      if (scenario.unconnected && error instanceof McpError) return error;
      throw error;
    });
    if (refusal === undefined) await scenario.run(client);
    else scenario.unconnected(refusal);
  } finally {
    await client.close();
  }
  if (faults.length > 0) throw new AggregateError(faults, `the client saw ${faults.length} faults`);
}

async function playRaw(scenario, transport) {
  const waiting = new Map();
  transport.onmessage = (message) => waiting.get(message.id)?.(message);
  const ask = async (method, params) => {
    const id = waiting.size + 1;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    await transport.send({ jsonrpc: '2.0', id, method, params });
    return await answer;
  };
  await transport.start();
  try {
    await scenario.raw(ask);
  } finally {
    await transport.close();
  }
}

play(process.env.MCP_CONFORMANCE_SCENARIO, process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
