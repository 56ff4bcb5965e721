import { Client, type ClientOptions } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { bridgeParameters, type Connected, connectOnStdio, type StdioSetup } from './stdio-client.ts';

export interface ClientSetup extends StdioSetup<Client> {
  capabilities?: ClientOptions['capabilities'];
}

export type ConnectedClient = Connected<Client, StdioClientTransport>;

/** The SDK's client on stdio, in front of the bridge, in front of `url`; closed when the running test ends. */
export async function connectClient(url: string, setup: ClientSetup = {}): Promise<ConnectedClient> {
  const { capabilities = {}, prepare, ...start } = setup;
  const client = new Client({ name: 'sdk-client', version: '1.0.0' }, { capabilities });
  return connectOnStdio(client, new StdioClientTransport(bridgeParameters(url, start)), prepare);
}

/** The text of a tool result's first item. */
export function textOf(result: unknown): string {
  return (result as { content: { text: string }[] }).content[0]?.text ?? '';
}
