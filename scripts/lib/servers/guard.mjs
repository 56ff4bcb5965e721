// A bearer check in front of an MCP server, for tokens of an OpenID provider:
//   PORT=… UPSTREAM=http://127.0.0.1:… ISSUER=http://127.0.0.1:… node guard.mjs
import { createServer, request as forward } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { PORT, UPSTREAM, ISSUER } = process.env;
const origin = `http://127.0.0.1:${PORT}`;
const resource = `${origin}/mcp`;
const metadataPath = '/.well-known/oauth-protected-resource/mcp';
const keys = createRemoteJWKSet(new URL(`${ISSUER}/jwks`));

createServer(async (request, response) => {
  if (request.url === metadataPath) {
    const metadata = { resource, authorization_servers: [ISSUER], scopes_supported: ['mcp:tools'] };
    return response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(metadata));
  }
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  try {
    await jwtVerify(token, keys, { issuer: ISSUER, audience: resource });
  } catch {
    const challenge = `Bearer resource_metadata="${origin}${metadataPath}"`;
    return response.writeHead(401, { 'WWW-Authenticate': challenge }).end();
  }
  const { method, headers, url } = request;
  const passed = forward(UPSTREAM + url, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  passed.on('error', () => response.destroy());
  response.on('close', () => passed.destroy());
  request.pipe(passed);
}).listen(PORT, '127.0.0.1');
