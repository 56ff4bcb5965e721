// The bench server for clients of the revision 2026-07-28: what each request has to bring, and what is said to one that
// doesn't. One tool is enough, for what is compared between the eras is the small call.

export const MODERN = '/modern/mcp';

const VERSION = '2026-07-28';
const KEY = 'io.modelcontextprotocol/';

const complete = (result) => ({ resultType: 'complete', ...result });
const cacheable = (result) => complete({ ttlMs: 0, cacheScope: 'private', ...result });

const answers = {
  'server/discover': () =>
    cacheable({
      supportedVersions: [VERSION],
      capabilities: { tools: {} },
      _meta: { [`${KEY}serverInfo`]: { name: 'bench', version: '1.0.0' } },
    }),
  'tools/list': () => cacheable({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }),
  'tools/call': ({ arguments: given = {} }) =>
    complete({ content: [{ type: 'text', text: given.text ?? '' }] }),
};

const unsupported = (requested) => ({
  code: -32022,
  message: 'Unsupported protocol version',
  data: { supported: [VERSION], requested },
});

function faultOf(headers, { method, params = {} }) {
  const meta = params._meta ?? {};
  if (method === 'initialize') return unsupported(params.protocolVersion);
  const version = meta[`${KEY}protocolVersion`];
  const name = method === 'tools/call' ? params.name : undefined;
  const fits =
    headers['mcp-protocol-version'] === version &&
    headers['mcp-method'] === method &&
    headers['mcp-name'] === name;
  if (version === undefined || !meta[`${KEY}clientCapabilities`])
    return { code: -32602, message: 'A required key of _meta is missing' };
  if (!fits) return { code: -32020, message: 'The headers do not fit the body' };
  return version === VERSION ? undefined : unsupported(version);
}

/** What a message is answered with: the HTTP status, and the JSON-RPC message where there is one. */
export function answerModern(headers, message) {
  const { id, method, params } = message;
  if (id === undefined) return { status: 202 };
  const error = faultOf(headers, message);
  if (error) return { status: 400, answer: { jsonrpc: '2.0', id, error } };
  const answer = answers[method];
  if (answer) return { status: 200, answer: { jsonrpc: '2.0', id, result: answer(params) } };
  return {
    status: 404,
    answer: { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } },
  };
}
