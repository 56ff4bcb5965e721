// oidc-provider in a process of its own: it keeps its state in module variables and warns about Node 20.
//   fork(oidc-provider.mjs, [JSON of the settings]); it sends { event, … } and answers { id, command, value }
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { errors, Provider } from 'oidc-provider';
import { exchangesTokens, takesAssertions } from './enterprise-grants.mjs';

const settings = JSON.parse(process.argv[2]);
let { accessTokenTtl, resources } = settings;
const grants = new Set();
const tell = (event, more = {}) => process.send({ event, ...more });

const provider = new Provider(settings.issuer, {
  clients: settings.clients,
  jwks: { keys: [settings.key] },
  scopes: settings.scopes,
  cookies: { keys: ['test-cookie-key'] },
  // A refresh token wherever the client has registered the grant; the default wants offline_access.
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  // A second use of a rotated token revokes the whole grant.
  rotateRefreshToken: true,
  revokeGrantPolicy: () => true,
  ttl: {
    AccessToken: () => accessTokenTtl,
    AuthorizationCode: 60,
    ClientCredentials: () => accessTokenTtl,
    Grant: 86_400,
    IdToken: () => settings.idTokenTtl,
    Interaction: 600,
    RefreshToken: 86_400,
    Session: 3600,
  },
  pkce: { required: () => true },
  clientBasedCORS: () => true,
  extraTokenClaims: (_ctx, { grantId }) => ({ grant: grantId }),
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: settings.registration },
    registrationManagement: { enabled: settings.registrationManagement },
    revocation: { enabled: true },
    dPoP: {
      enabled: settings.dpop,
      ...(settings.dpopNonces && { nonceSecret: Buffer.alloc(32, 'n'), requireNonce: () => true }),
    },
    deviceFlow: { enabled: settings.device },
    clientCredentials: { enabled: settings.machines },
    pushedAuthorizationRequests: {
      enabled: settings.par !== 'off',
      requirePushedAuthorizationRequests: settings.par === 'required',
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => {
        if (resources && !resources.includes(resource)) throw new errors.InvalidTarget();
        return {
          scope: settings.scopes.join(' '),
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        };
      },
    },
  },
});

for (const name of ['authorization.error', 'grant.error', 'registration_create.error', 'server_error']) {
  provider.on(name, (ctx, { error, message, error_description }) =>
    tell(name, { error: error ?? message, description: error_description, grantType: grantTypeOf(ctx) }),
  );
}
provider.on('registration_create.success', (_ctx, { clientId }) => tell('registration', { clientId }));
provider.on('registration_delete.success', (_ctx, { clientId }) => tell('registration_delete', { clientId }));
provider.on('interaction.started', (_ctx, { name }) => tell('interaction', { name }));
provider.on('authorization.success', (ctx) => {
  const { client_id, resource, scope } = ctx.oidc.params;
  tell('authorization', { clientId: client_id, resource, scope });
});
provider.on('grant.success', (ctx) => {
  const { params, entities } = ctx.oidc;
  const grant = (entities.AccessToken ?? entities.RefreshToken ?? entities.AuthorizationCode)?.grantId;
  if (grant) grants.add(grant);
  const { clientId } = entities.Client ?? {};
  const { resource, scope } = params;
  tell('grant', { clientId, grantType: grantTypeOf(ctx), grant, resource, scope });
});
provider.on('grant.revoked', (ctx, grant) => {
  tell('grant.revoked', { grant, path: ctx?.path, grantType: grantTypeOf(ctx) });
});

function grantTypeOf(ctx) {
  return ctx?.oidc?.params?.grant_type;
}

async function revokeGrants() {
  const revoked = [...grants];
  grants.clear();
  for (const id of revoked) {
    await provider.RefreshToken.revokeByGrantId(id);
    await provider.AccessToken.revokeByGrantId(id);
    await (await provider.Grant.find(id))?.destroy();
  }
  return revoked;
}

const exchange = settings.exchanges && exchangesTokens(provider, settings, tell);
if (settings.trusts) takesAssertions(provider, settings, tell, () => accessTokenTtl);

const commands = {
  ...exchange,
  setAccessTokenTtl: (seconds) => {
    accessTokenTtl = seconds;
  },
  setResources: (list) => {
    resources = list ?? undefined;
  },
  revokeGrants,
  /** As an authorization server that prunes its registrations does. */
  forgetClient: (id) => provider.Client.adapter.destroy(id),
};

process.on('message', async ({ id, command, argument }) => {
  try {
    process.send({ id, value: await commands[command](argument) });
  } catch (error) {
    process.send({ id, failed: String(error) });
  }
});
process.on('disconnect', () => process.exit());

const server = settings.tls ? createTlsServer(settings.tls) : createServer();
const answer = provider.callback();
const { pathname } = new URL(settings.issuer);
server.on('request', (request, response) => {
  // An issuer with a path lives below it, but for its RFC 8414 metadata, whose well-known part comes first.
  const wellKnown = '/.well-known/oauth-authorization-server';
  if (pathname !== '/' && request.url === wellKnown + pathname) request.url = wellKnown;
  else if (pathname !== '/' && request.url.startsWith(pathname)) {
    request.originalUrl = request.url;
    request.url = request.url.slice(pathname.length) || '/';
  }
  answer(request, response);
});
server.listen(settings.port, '127.0.0.1', () => tell('listening'));
