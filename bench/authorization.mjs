// What makes the bench server a protected one under /protected/mcp: metadata, registration, an authorization page that
// approves by itself, and tokens that are good for an hour. As little as a bridge can sign in with.
import { createHash, randomUUID } from 'node:crypto';

export const PROTECTED = '/protected/mcp';

const codes = new Map();
const tokens = new Set();

/** Whether a request carries a token that was given here. */
export function isSignedIn({ headers }) {
  return tokens.has(headers.authorization?.replace(/^Bearer /, ''));
}

export function refuse(request, response) {
  const metadata = `http://${request.headers.host}/.well-known/oauth-protected-resource${PROTECTED}`;
  response
    .writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${metadata}", scope="bench"` })
    .end();
}

const json = (response, value, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

const form = async (request) => new URLSearchParams(Buffer.concat(await request.toArray()).toString());

const routes = {
  [`/.well-known/oauth-protected-resource${PROTECTED}`]: (origin, _request, response) =>
    json(response, {
      resource: origin + PROTECTED,
      authorization_servers: [origin],
      scopes_supported: ['bench'],
    }),
  '/.well-known/oauth-authorization-server': (origin, _request, response) =>
    json(response, {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
      token_endpoint_auth_methods_supported: ['none'],
    }),
  '/register': async (_origin, request, response) => {
    const metadata = JSON.parse(Buffer.concat(await request.toArray()).toString());
    json(response, { ...metadata, client_id: randomUUID(), token_endpoint_auth_method: 'none' }, 201);
  },
  '/authorize': (_origin, request, response) => {
    const query = new URL(request.url, 'http://bench').searchParams;
    const code = randomUUID();
    codes.set(code, query.get('code_challenge'));
    const redirect = new URL(query.get('redirect_uri'));
    redirect.searchParams.set('code', code);
    redirect.searchParams.set('state', query.get('state'));
    response.writeHead(302, { location: redirect.href }).end();
  },
  '/token': async (_origin, request, response) => {
    const given = await form(request);
    const challenge = codes.get(given.get('code'));
    const verifier = given.get('code_verifier') ?? '';
    if (createHash('sha256').update(verifier).digest('base64url') !== challenge)
      return json(response, { error: 'invalid_grant' }, 400);
    codes.delete(given.get('code'));
    const token = randomUUID();
    tokens.add(token);
    json(response, {
      access_token: token,
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: randomUUID(),
      scope: 'bench',
    });
  },
};

/** @returns whether the request was one of these */
export function authorize(request, response) {
  const route = routes[request.url.split('?')[0]];
  void route?.(`http://${request.headers.host}`, request, response);
  return route !== undefined;
}
