import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { expect, onTestFinished, test } from 'vitest';
import { DemoAuthorizationServer } from '../../src/cli/demo/demo-authorization-server.ts';
import { serveDemo } from '../../src/cli/demo/demo-server.ts';
import { followLink } from '../../src/cli/demo/follow-link.ts';
import { type LogEntry, LoopbackListener } from '../../src/cli/demo/loopback-listener.ts';
import { textOf } from '../support/sdk-client.ts';

type Provider = NonNullable<
  NonNullable<ConstructorParameters<typeof StreamableHTTPClientTransport>[1]>['authProvider']
>;

async function startDemoServers() {
  const log: LogEntry[] = [];
  const site = await LoopbackListener.start(log);
  const authority = await LoopbackListener.start(log);
  const callback = await LoopbackListener.start(log);
  for (const listener of [site, authority, callback]) onTestFinished(() => listener.close());
  const url = `${site.origin}/mcp`;
  const authorizationServer = new DemoAuthorizationServer(authority, url);
  serveDemo(site, authorizationServer);
  return { url, authorizationServer, callback };
}

test("the demo's servers satisfy the SDK client's own sign-in", async () => {
  const { url, authorizationServer, callback } = await startDemoServers();
  const answers: URL[] = [];
  callback.handler = ({ url: answer, response }) => {
    answers.push(answer);
    response.writeHead(200, { 'content-type': 'text/plain' }).end('done');
  };
  const kept: Record<string, unknown> = {};
  const provider = {
    redirectUrl: `${callback.origin}/callback`,
    clientMetadata: { client_name: 'sdk', redirect_uris: [`${callback.origin}/callback`] },
    clientInformation: () => kept.client,
    saveClientInformation: (client: unknown) => {
      kept.client = client;
    },
    tokens: () => kept.tokens,
    saveTokens: (tokens: unknown) => {
      kept.tokens = tokens;
    },
    codeVerifier: () => kept.verifier,
    saveCodeVerifier: (verifier: string) => {
      kept.verifier = verifier;
    },
    redirectToAuthorization: (link: URL) => followLink(link.href),
  } as unknown as Provider;

  const first = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  const connect = async (transport: StreamableHTTPClientTransport): Promise<Client> => {
    const client = new Client({ name: 'sdk', version: '1.0.0' });
    onTestFinished(() => client.close());
    await client.connect(transport as Parameters<Client['connect']>[0]);
    return client;
  };
  await expect(connect(first)).rejects.toThrow(/unauthorized/i);
  expect(answers).toHaveLength(1);
  expect(answers[0]?.searchParams.get('iss')).toBe(authorizationServer.issuer);
  await first.finishAuth(answers[0]?.searchParams.get('code') ?? '');

  const client = await connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }));
  const call = () => client.callTool({ name: 'greet', arguments: { name: 'you' } });
  expect(textOf(await call())).toMatch(/^Hello, you!/);
});

test('a token without the scope is answered with 403, none and a wrong one with 401, each with the way', async () => {
  const { url } = await startDemoServers();
  const ask = (authorization?: string) =>
    fetch(url, { method: 'POST', body: '{}', headers: authorization ? { authorization } : {} });
  const none = await ask();
  expect(none.status).toBe(401);
  const way = none.headers.get('www-authenticate') ?? '';
  expect(way).toMatch(
    /^Bearer resource_metadata="http:\/\/127\.0\.0\.1:\d+\/\.well-known\/oauth-protected-resource\/mcp", scope="greet"$/,
  );
  const wrong = await ask('Bearer wrong');
  expect(wrong.status).toBe(401);
  expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"');
  const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(way) ?? [];
  expect(await (await fetch(metadata)).json()).toMatchObject({ resource: url, scopes_supported: ['greet'] });
});

test('the link is followed on this machine only', async () => {
  await expect(followLink('https://mcp.example.com/authorize')).rejects.toThrow(/leads away/);
  await expect(followLink('http://192.0.2.1/authorize')).rejects.toThrow(/leads away/);
});
