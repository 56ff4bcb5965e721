import { signInId } from '../../credentials/apart.ts';
import { type ConnectionRecord, findConnections } from '../../credentials/record.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import { OAuthHttp } from '../../platform/oauth-http.ts';
import { untilAborted } from '../../platform/until-aborted.ts';
import { chooseBinding } from '../binding.ts';
import {
  type DeviceAuthorization,
  type DeviceRequest,
  pollForToken,
  requestDeviceAuthorization,
} from '../grants/device-code.ts';
import { IssuerMemory } from '../issuer-memory.ts';
import { saveSignIn } from '../stored-credentials.ts';
import { OAuthError } from '../token-endpoint.ts';
import { SignInAttempts } from './attempts.ts';
import { chooseDeviceClient } from './choose-device-client.ts';
import { chooseServer } from './choose-server.ts';
import type { SignInOptions } from './run-sign-in.ts';
import { SignInTerms } from './terms.ts';

/** What the user is to be shown. */
export interface DevicePrompt {
  userCode: string;
  verificationUri: string;
  /** The same page with the code filled in already; undefined where there is none. */
  verificationUriComplete: string | undefined;
  /** Who authorizes: its host. */
  issuer: string;
  /** The page belongs to another site than the authorization server does [97]. */
  isOtherSite: boolean;
  /** When it is over, milliseconds from now. */
  expiresIn: number;
}

export interface DeviceSignInOptions
  extends Pick<SignInOptions, 'task' | 'store' | 'env' | 'log' | 'signal'> {
  onCode: (prompt: DevicePrompt) => void;
}

/**
 * Signs the user in on another device, by a code that is entered there (RFC 8628). The caller sees to it that there is
 * one for each connection at a time.
 *
 * @returns the record as it was stored
 * @throws DrawbridgeError with what went wrong and what to do
 */
export async function runDeviceSignIn(options: DeviceSignInOptions): Promise<ConnectionRecord> {
  const { task, store, signal } = options;
  const attempts = new SignInAttempts(store, signInId(task.server, task.signIn));
  // Proves that the store can be written before the user is asked for anything [66].
  await attempts.begin(false);
  try {
    const record = await signIn(options);
    await attempts.end('done');
    return record;
  } catch (error) {
    const failure = asDrawbridgeError(error);
    // Nobody was shown a window: what came of it is no news for the bridges.
    await attempts.end('failed').catch(() => {});
    throw signal.aborted ? asDrawbridgeError(signal.reason) : failure;
  }
}

async function signIn({
  task,
  store,
  env,
  log,
  signal,
  onCode,
}: DeviceSignInOptions): Promise<ConnectionRecord> {
  const server = new URL(task.server);
  const http = new OAuthHttp(server, { ...task.network, env });
  const known = findConnections(store, task.server, task.signIn.profile);
  const chosen = await untilAborted(chooseServer(task, http, known), signal);
  const { authorizationServer } = chosen;
  const memory = new IssuerMemory(store, authorizationServer.issuer, task.server);
  const terms = new SignInTerms(task, chosen, memory, log);
  const binding = chooseBinding({ signIn: task.signIn, challenge: task.challenge, known, ...chosen });
  const { request, given } = await untilAborted(authorize(), signal);

  const timeLeft = Math.min(given.expiresIn, task.signIn.timeout);
  const issuer = new URL(authorizationServer.issuer);
  // The list of public suffixes is large, and nothing else of a sign-in needs it.
  const { isSameSite } = await import('../../platform/site.ts');
  onCode({
    userCode: given.userCode,
    verificationUri: given.verificationUri.href,
    verificationUriComplete: given.verificationUriComplete?.href,
    issuer: issuer.host,
    isOtherSite: !isSameSite(given.verificationUri, issuer),
    expiresIn: timeLeft,
  });
  const limit = new AbortController();
  const end = (): void => limit.abort(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  const timer = setTimeout(() => limit.abort(timedOut(server, task.signIn.timeout)), task.signIn.timeout);
  try {
    const tokens = await pollForToken(http, request, given, { log, signal: limit.signal });
    return await saveSignIn(store, task, request, tokens);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }

  /** Asks for the code; what is refused of the request is mended as in the flow by redirect. */
  async function authorize(): Promise<{ request: DeviceRequest; given: DeviceAuthorization }> {
    const isBound = binding !== undefined;
    const choice = () => ({ task, http, store, server: authorizationServer, scope: terms.scope, isBound });
    let client = await chooseDeviceClient(choice());
    for (;;) {
      const { scope, resource } = terms;
      const request = { server: authorizationServer, client: client.client, scope, resource, binding };
      try {
        return { request, given: await requestDeviceAuthorization(http, request, terms.extra, server) };
      } catch (error) {
        if (!(error instanceof OAuthError) || error.isPassing) throw error;
        if (await terms.leaveOut(error.code, error.description)) continue;
        // Whatever is refused of a registration that is kept may be due to its age.
        if (!client.isCached) throw error;
        client = await chooseDeviceClient(choice(), true);
      }
    }
  }
}

function timedOut({ host }: URL, timeout: number): DrawbridgeError {
  return new DrawbridgeError(
    'sign-in-timeout',
    `Nobody finished the sign-in to ${host} within ${timeout / 1000} s.`,
  );
}
