// The client under test of either era: the same steps, on the MCP SDK's first version or on its second one.
import * as v2 from '@modelcontextprotocol/client';
import * as v2Stdio from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';

const name = { name: 'conformance-client', version: '1.0.0' };

/** For each CLIENT_ERA: how to make a client and its transport, which answers elicitation with `elicited`. */
export const eras = {
  legacy: {
    transport: (parameters) => new StdioClientTransport(parameters),
    client: (capabilities, elicited) => {
      const client = new Client(name, { capabilities });
      if (elicited) client.setRequestHandler(ElicitRequestSchema, elicited);
      return client;
    },
  },
  modern: {
    transport: (parameters) => new v2Stdio.StdioClientTransport(parameters),
    client: (capabilities, elicited) => {
      const versionNegotiation = { mode: { pin: '2026-07-28' } };
      const client = new v2.Client(name, { capabilities, versionNegotiation });
      if (elicited) client.setRequestHandler('elicitation/create', elicited);
      return client;
    },
  },
};

/** Whether this is an error that came as the answer to a request. */
export const isAnswer = (error) => error instanceof McpError || error instanceof v2.ProtocolError;
