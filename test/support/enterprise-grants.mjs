// What oidc-provider has none of: the token exchange for an ID-JAG, as an identity provider of a company gives it, and
// the grant that takes it, as the authorization server of an MCP server does. Clients are authenticated by oidc-provider.
import { createPrivateKey, createPublicKey, randomUUID } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify, SignJWT } from 'jose';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const ID_JAG_TYPE = 'oauth-id-jag+jwt';

const refuse = (ctx, error, description) => {
  ctx.status = 400;
  ctx.body = { error, error_description: description };
};

/**
 * An identity provider. `settings.exchanges` names the client that ours is known as, by the issuer of the other server.
 *
 * @returns commands: `setPolicy` refuses with an error from then on, `setExchangeAnswer` changes the next answers
 */
export function exchangesTokens(provider, settings, tell) {
  const privateKey = createPrivateKey({ key: settings.key, format: 'jwk' });
  let { exchanges } = settings;
  let policy;
  let changes = {};
  const handler = async (ctx) => {
    const { params, client } = ctx.oidc;
    const { subject_token, audience, resource, scope } = params;
    const isAsked = params.requested_token_type === ID_JAG && params.subject_token_type === ID_TOKEN;
    if (!isAsked || !audience || !resource) return refuse(ctx, 'invalid_request', 'a parameter is missing');
    const wanted = { issuer: settings.issuer, audience: client.clientId };
    let claims;
    try {
      claims = (await jwtVerify(subject_token, createPublicKey(privateKey), wanted)).payload;
    } catch {
      return refuse(ctx, 'invalid_grant', `no good ID token: ${subject_token}`);
    }
    tell('exchange', { clientId: client.clientId, subjectToken: subject_token, audience, resource, scope });
    if (policy) return refuse(ctx, policy, 'not by our rules');
    const assertion = await new SignJWT({
      resource,
      scope,
      client_id: exchanges[audience] ?? 'nobody',
    })
      .setProtectedHeader({ alg: 'RS256', kid: settings.key.kid, typ: ID_JAG_TYPE })
      .setIssuer(settings.issuer)
      .setSubject(claims.sub)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime('60s')
      .sign(privateKey);
    tell('id-jag', { assertion });
    ctx.body = {
      access_token: assertion,
      issued_token_type: ID_JAG,
      token_type: 'N_A',
      expires_in: 60,
      ...changes,
    };
  };
  const params = [
    'audience',
    'resource',
    'scope',
    'requested_token_type',
    'subject_token',
    'subject_token_type',
  ];
  provider.registerGrantType(EXCHANGE, handler, params);
  return {
    setExchanges: (table) => {
      exchanges = table;
    },
    setPolicy: (error) => {
      policy = error ?? undefined;
    },
    setExchangeAnswer: (json) => {
      changes = json;
    },
  };
}

/** An authorization server that takes the assertions of the identity provider `settings.trusts`, each once. */
export function takesAssertions(provider, settings, tell, lifetime) {
  const privateKey = createPrivateKey({ key: settings.key, format: 'jwk' });
  const seen = new Set();
  let keys;
  const handler = async (ctx) => {
    const { params, client } = ctx.oidc;
    const { assertion, scope, resource } = params;
    keys ??= createRemoteJWKSet(new URL(`${settings.trusts}/jwks`));
    const wanted = { issuer: settings.trusts, audience: settings.issuer, typ: ID_JAG_TYPE };
    let claims;
    try {
      claims = (await jwtVerify(assertion, keys, wanted)).payload;
    } catch (error) {
      return refuse(ctx, 'invalid_grant', `no good assertion: ${error.code} ${assertion}`);
    }
    if (
      client.clientAuthMethod === 'none' ||
      claims.client_id !== client.clientId ||
      claims.resource !== resource
    )
      return refuse(ctx, 'invalid_grant', 'the assertion is for another client or resource');
    if (seen.has(claims.jti)) return refuse(ctx, 'invalid_grant', 'the assertion was used');
    seen.add(claims.jti);
    const accessToken = await new SignJWT({ scope: scope ?? claims.scope, client_id: client.clientId })
      .setProtectedHeader({ alg: 'RS256', kid: settings.key.kid, typ: 'at+jwt' })
      .setIssuer(settings.issuer)
      .setSubject(claims.sub)
      .setAudience(claims.resource)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime(`${lifetime()}s`)
      .sign(privateKey);
    tell('assertion', { clientId: client.clientId, assertion, accessToken, resource, scope });
    ctx.body = { access_token: accessToken, token_type: 'Bearer', expires_in: lifetime(), scope };
  };
  provider.registerGrantType(JWT_BEARER, handler, ['assertion', 'scope', 'resource']);
}
