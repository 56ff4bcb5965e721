import type { Exchange } from './fake-exchange.ts';
import type { FakeRemote, Handler } from './fake-remote.ts';

const META = 'io.modelcontextprotocol/';
const REVISION = '2026-07-28';

/** Refuses a request as a server does that speaks none but these revisions. */
export function refuseRevision(exchange: Exchange, supported: string[] = [REVISION]): void {
  const data = { supported, requested: 'x' };
  const error = { code: -32022, message: 'Unsupported protocol version', data };
  exchange.json(400, { jsonrpc: '2.0', id: exchange.id, error });
}

/** The result of `server/discover` of a server `newest 3.0.0` with tools. */
export function discoverResult(): object {
  return {
    resultType: 'complete',
    supportedVersions: [REVISION],
    capabilities: { tools: {} },
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [`${META}serverInfo`]: { name: 'newest', version: '3.0.0' } },
  };
}

/** Makes a remote one of the revision 2026-07-28 alone, with these tools. */
export function beModern(remote: FakeRemote, tools: object[] = [fakeTool('echo')]): FakeRemote {
  const list = { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools };
  const inItsForm =
    (handler: Handler): Handler =>
    (exchange) => {
      const isModern = exchange.request.headers['mcp-protocol-version'] === REVISION;
      return isModern ? handler(exchange) : refuseRevision(exchange);
    };
  return remote
    .on('GET', (exchange) => exchange.status(405))
    .on('DELETE', (exchange) => exchange.status(405))
    .on(
      'POST',
      inItsForm((exchange) => {
        if (exchange.id === undefined) return exchange.status(202);
        const error = { code: -32601, message: 'Method not found' };
        exchange.json(404, { jsonrpc: '2.0', id: exchange.id, error });
      }),
    )
    .on(
      'server/discover',
      inItsForm((exchange) => exchange.result(discoverResult())),
    )
    .on(
      'tools/list',
      inItsForm((exchange) => exchange.result(list)),
    );
}

/** A tool without much of a description. */
export function fakeTool(name: string, properties: object = {}): object {
  return { name, inputSchema: { type: 'object', properties } };
}
