import type { ClientIdentity } from '../../credentials/record.ts';
import { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { NoAnswer, type OAuthHttp } from '../../platform/oauth-http.ts';
import { sleep } from '../../platform/sleep.ts';
import { untilAborted } from '../../platform/until-aborted.ts';
import { parseNamedUrl } from '../../platform/url-policy.ts';
import type { Binding } from '../binding.ts';
import type { AuthorizationServerMetadata } from '../metadata.ts';
import { DEVICE_CODE_GRANT } from '../registration.ts';
import { OAuthError, postForm, requestToken, type TokenSet } from '../token-endpoint.ts';

const REQUEST_TIMEOUT = 20_000;
const POLL_TIMEOUT = 30_000;
/** Bounds of the polling interval, in milliseconds [109]. */
const [SHORTEST, USUAL, LONGEST, SLOW_DOWN] = [1_000, 5_000, 60_000, 5_000];
/** A code is good for so long at the most, whatever its server says, in milliseconds [109]. */
const MAX_LIFE = 1_800_000;

/** What a device authorization is asked for with. */
export interface DeviceRequest {
  server: AuthorizationServerMetadata;
  client: ClientIdentity;
  scope: string | undefined;
  resource: string | null;
  /** The key that the tokens are bound to; undefined: none. */
  binding?: Binding | undefined;
}

/** A device authorization response (RFC 8628 section 3.2), checked. Held in memory only [56]. */
export interface DeviceAuthorization {
  deviceCode: string;
  /** For people; letters, digits and dashes. */
  userCode: string;
  verificationUri: URL;
  /** The same with the code in it; undefined where there is none, or none that may be shown. */
  verificationUriComplete: URL | undefined;
  /** Milliseconds. */
  expiresIn: number;
  /** Milliseconds between two polls. */
  interval: number;
}

/**
 * Asks for a code (RFC 8628 section 3.1).
 *
 * @param extra parameters of the user's or a provider's
 * @param mcpServer the MCP server's URL, for the rules on what may be named
 * @throws OAuthError, NoAnswer, or DrawbridgeError `authorization-server` for an answer that must not be shown
 */
export async function requestDeviceAuthorization(
  http: OAuthHttp,
  { server, client, scope, resource }: DeviceRequest,
  extra: Readonly<Record<string, string>>,
  mcpServer: URL,
): Promise<DeviceAuthorization> {
  const endpoint = server.deviceAuthorizationEndpoint as string;
  const parameters: Record<string, string> = {
    ...extra,
    ...(scope !== undefined && { scope }),
    ...(resource !== null && { resource }),
  };
  const answer = await postForm(http, endpoint, client, parameters, REQUEST_TIMEOUT);
  const { host } = new URL(endpoint);
  if (answer.status !== 200 || !answer.json || answer.json.error !== undefined)
    throw new OAuthError('the sign-in by device code', host, answer);
  return processDeviceAuthorization(answer.json, host, mcpServer);
}

/** Checks what came: it is read by people, who do what it says [97]. */
export function processDeviceAuthorization(
  json: Record<string, unknown>,
  host: string,
  mcpServer: URL,
): DeviceAuthorization {
  const unusable = (why: string): never => {
    throw new DrawbridgeError(
      'authorization-server',
      `${host} gave a device code that can't be used: ${why}.`,
    );
  };
  const { device_code: deviceCode, user_code: userCode } = json;
  if (typeof deviceCode !== 'string' || !/^[\x20-\x7e]{1,4096}$/.test(deviceCode))
    return unusable('it is none');
  if (typeof userCode !== 'string' || !/^[A-Za-z0-9-]{1,32}$/.test(userCode))
    return unusable('the code for the user is not made of letters, digits and dashes');
  // Some call it as the drafts did.
  const verificationUri = parseNamedUrl(json.verification_uri ?? json.verification_url, mcpServer);
  if (!verificationUri) return unusable('the page to enter it at is not an https URL');
  const complete = parseNamedUrl(json.verification_uri_complete, mcpServer);
  const life = json.expires_in;
  return {
    deviceCode,
    userCode,
    verificationUri,
    verificationUriComplete: complete?.origin === verificationUri.origin ? complete : undefined,
    expiresIn: typeof life === 'number' && life > 0 ? Math.min(life * 1000, MAX_LIFE) : MAX_LIFE,
    interval: pollingInterval(json.interval),
  };
}

/** RFC 8628 section 3.2: 5 s where nothing is said that makes sense [109]. In milliseconds. */
function pollingInterval(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) return USUAL;
  return Math.min(Math.max(value * 1000, SHORTEST), LONGEST);
}

export interface Polling {
  log: Logger;
  /** Ends it at once; its reason is what is thrown. */
  signal: AbortSignal;
}

/**
 * Polls the token endpoint until the user has decided (RFC 8628 sections 3.4 and 3.5). What passes by, a 5xx or a broken
 * connection, ends nothing.
 *
 * @throws DrawbridgeError `sign-in-refused`, or `sign-in-timeout` where the code has expired; OAuthError for another
 *   refusal, or the reason of the signal
 */
export async function pollForToken(
  http: OAuthHttp,
  { server, client, resource, binding }: DeviceRequest,
  { deviceCode, interval, expiresIn }: DeviceAuthorization,
  { log, signal }: Polling,
): Promise<TokenSet> {
  const { host } = new URL(server.issuer);
  const parameters = {
    grant_type: DEVICE_CODE_GRANT,
    device_code: deviceCode,
    ...(resource !== null && { resource }),
  };
  const expiresAt = performance.now() + expiresIn;
  for (let pause = interval; ; ) {
    await sleep(Math.min(pause, expiresAt - performance.now()), signal);
    signal.throwIfAborted();
    if (performance.now() >= expiresAt) throw expired(host);
    try {
      const bound = { ...client, binding };
      const poll = requestToken(http, server.tokenEndpoint, bound, parameters, POLL_TIMEOUT);
      return await untilAborted(poll, signal);
    } catch (error) {
      signal.throwIfAborted();
      const next = nextPause(error, pause, host);
      if (next === undefined) throw error;
      if (next !== pause || !isPending(error)) log.debug('no token yet, polling on', { pause: next });
      pause = next;
    }
  }
}

/** @returns the pause before the next poll; undefined where the failure is final */
function nextPause(error: unknown, pause: number, host: string): number | undefined {
  if (error instanceof NoAnswer)
    // RFC 8628 section 3.5: a timeout asks for a longer pause as well.
    return error.reason === 'timeout' ? Math.min(pause * 2, Math.max(pause, LONGEST)) : pause;
  if (!(error instanceof OAuthError)) return undefined;
  const { code, status } = error;
  if (code === 'slow_down' || status === 429) return pause + SLOW_DOWN;
  if (code === 'access_denied')
    throw new DrawbridgeError('sign-in-refused', `The sign-in at ${host} was declined.`);
  if (code === 'expired_token') throw expired(host);
  // What is no OAuth answer comes of something in between, unless it says that the request itself is wrong.
  const isForeign = code === '' && (status < 400 || status >= 500);
  return isPending(error) || error.isPassing || isForeign ? pause : undefined;
}

function isPending(error: unknown): boolean {
  return error instanceof OAuthError && error.code === 'authorization_pending';
}

function expired(host: string): DrawbridgeError {
  return new DrawbridgeError(
    'sign-in-timeout',
    `The code for the sign-in at ${host} has expired before anybody entered it; run the command again for another.`,
  );
}
