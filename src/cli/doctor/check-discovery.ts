import { type AuthorizationServerMetadata, namedAuthorizationServer } from '../../authorization/metadata.ts';
import { MAX_SERVERS } from '../../authorization/sign-in/choose-server.ts';
import { asDrawbridgeError, DrawbridgeError, displayText } from '../../errors.ts';
import { NoAnswer } from '../../platform/oauth-http.ts';
import type { Examination } from './examination.ts';
import { type Finding, fail, failedBy, ok, skip, warn } from './step.ts';

/** How long a page may take that is only looked for, in milliseconds. */
const PATIENCE = 5_000;
const TELL = 'tell whoever runs that server';

/** The protected resource metadata: where it is, and whether it speaks for this server (RFC 9728). */
export async function checkProtectedResource(examination: Examination): Promise<Finding> {
  const { noSignIn, challenge, discovery, trail, settings } = examination;
  if (noSignIn !== undefined) return skip(noSignIn);
  let found: typeof examination.protectedResource;
  try {
    found = await discovery.protectedResource(challenge?.resourceMetadata, settings.signIn.resource);
  } catch (error) {
    const failure = asDrawbridgeError(error);
    const named = /give (--resource \S+?)\.?$/.exec(failure.message)?.[1];
    return failedBy(failure, named === undefined ? TELL : `${named}, if that is right`);
  }
  examination.protectedResource = found;
  if (!found)
    return warn(
      `none, so ${settings.url.host} itself is taken for the authorization server, as in the revision 2025-03-26`,
      'no-metadata',
    );
  const servers = found.authorizationServers.map((server) => displayText(server, 100));
  const place = trail.found === undefined ? '' : ` at ${trail.found.origin}${trail.found.pathname}`;
  return ok(`found${place}; it names ${servers.join(', ')}`, {
    ...(trail.found && { place: trail.found.origin + trail.found.pathname }),
    resource: displayText(found.resource, 200),
    authorizationServers: servers,
    scopes: found.scopes ?? null,
  });
}

/** The metadata of the authorization server that a sign-in would go to (RFC 8414). */
export async function checkAuthorizationServer(examination: Examination): Promise<Finding> {
  const { discovery, trail, settings, protectedResource, stored } = examination;
  const { issuer, tokenEndpoint } = settings.signIn;
  if (tokenEndpoint !== undefined) {
    examination.authorizationServer = namedAuthorizationServer(
      issuer ?? new URL(tokenEndpoint).origin,
      tokenEndpoint,
    );
    return ok(`not asked: --token-endpoint ${displayText(tokenEndpoint, 200)}`);
  }
  const named = issuer === undefined ? protectedResource?.authorizationServers : [issuer];
  trail.found = undefined;
  if (!named) return legacyServer(examination);
  const kept = new Set(stored.map(({ record }) => record.issuer));
  const order = [...named].sort((a, b) => Number(kept.has(b)) - Number(kept.has(a))).slice(0, MAX_SERVERS);
  const faults: DrawbridgeError[] = [];
  for (const one of order) {
    try {
      const metadata = await discovery.authorizationServer(one);
      examination.authorizationServer = metadata;
      const fault = faults[0] && `; of the others: ${faults[0].message}`;
      return fault === undefined
        ? described(examination, metadata)
        : warn(`${described(examination, metadata).text}${fault}`, 'authorization-server', TELL);
    } catch (error) {
      faults.push(asDrawbridgeError(error));
    }
  }
  const [first = new DrawbridgeError('authorization-server', 'None is named.')] = faults;
  if (first instanceof NoAnswer) return failedBy(first, 'try again later; what is stored is kept');
  const misnamed = /names another issuer, (https:\/\/[\w.:/-]+?);/.exec(first.message)?.[1];
  return failedBy(
    first,
    misnamed === undefined ? TELL : `${TELL}; if you know it to be right: --issuer ${misnamed}`,
  );
}

async function legacyServer(examination: Examination): Promise<Finding> {
  const { discovery, trail } = examination;
  const metadata = await discovery.legacyAuthorizationServer();
  if (!metadata.isAssumed) {
    examination.authorizationServer = metadata;
    return described(examination, metadata);
  }
  const { authorizationEndpoint = metadata.issuer } = metadata;
  const { status, headers } = await trail.request(new URL(authorizationEndpoint), {
    method: 'GET',
    timeout: PATIENCE,
  });
  // Some ask for a token at every path that they do not know.
  const isProtected = status === 401 && headers['www-authenticate'] !== undefined;
  if (status === 404 || status === 405 || status >= 500 || isProtected)
    return fail(
      `no metadata anywhere, and no sign-in page at ${authorizationEndpoint} (HTTP ${status})`,
      'authorization-server',
      `if the server wants an API key, give it: --header 'Authorization: Bearer \${KEY}'; else ${TELL}`,
    );
  examination.authorizationServer = metadata;
  return warn(
    `no metadata; the places of the revision 2025-03-26 are taken: ${authorizationEndpoint}`,
    'no-metadata',
  );
}

function described({ trail }: Examination, metadata: AuthorizationServerMetadata): Finding {
  const { issuer, sendsIssuer, requiresPushedRequests } = metadata;
  const place = trail.found && trail.found.origin + trail.found.pathname;
  return ok(`${displayText(issuer, 200)}${place === undefined ? '' : `, by ${place}`}`, {
    issuer: displayText(issuer, 200),
    ...(place !== undefined && { place }),
    sendsIssuer,
    requiresPushedRequests,
  });
}
