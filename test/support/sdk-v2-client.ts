import { Client, type ClientOptions } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { bridgeParameters, type Connected, connectOnStdio, type StdioSetup } from './stdio-client.ts';

/** `modern`: 2026-07-28 or nothing. `auto`: a probe by `server/discover` in a process of its own, then either era. */
type V2ClientMode = 'modern' | 'auto';

interface V2ClientSetup extends StdioSetup<Client> {
  mode?: V2ClientMode;
  capabilities?: ClientOptions['capabilities'];
}

const negotiation = { modern: { pin: '2026-07-28' }, auto: 'auto' } as const;

/** The client of the SDK's second version on stdio, in front of the bridge, in front of `url`; closed at test end. */
export async function connectV2Client(
  url: string,
  setup: V2ClientSetup = {},
): Promise<Connected<Client, StdioClientTransport>> {
  const { mode = 'modern', capabilities = {}, prepare, ...start } = setup;
  const client = new Client(
    { name: 'sdk-v2-client', version: '2.0.0' },
    { capabilities, versionNegotiation: { mode: negotiation[mode] } },
  );
  return connectOnStdio(client, new StdioClientTransport(bridgeParameters(url, start)), prepare);
}
