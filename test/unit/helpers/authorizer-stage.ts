import { onTestFinished } from 'vitest';
import type { Challenge } from '../../../src/authorization/authorizer.ts';
import { OAuthAuthorizer } from '../../../src/authorization/oauth-authorizer.ts';
import { SignInAttempts } from '../../../src/authorization/sign-in/attempts.ts';
import { connectionId } from '../../../src/credentials/ids.ts';
import type { ConnectionRecord } from '../../../src/credentials/record.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import type { SignInSettings } from '../../../src/settings.ts';
import {
  type FakeAuthorizationServer,
  startFakeAuthorizationServer,
} from '../../support/fake-authorization-server.ts';
import { startProtectedRemote } from '../../support/protected-remote.ts';
import { until, within } from '../../support/wait.ts';
import { connectionRecord, newStore, publicClient, settingsFor, storeConnection } from './oauth-parts.ts';
import { recordingLogger } from './recording-logger.ts';
import { playSignInProgram } from './sign-in-program.ts';

export const HOUR = 3_600_000;
/** Shows the link, and says that it is done as soon as somebody opens it. */
export const asks = `say({ event: 'link', url: 'https://as.example/authorize', opening: task.opensWindow });
  await next();
  say({ event: 'done' });`;
export const fails = (reason: string) =>
  `say(${JSON.stringify({ event: 'failed', reason, message: 'It failed.' })});`;

/** A protected server, its authorization server, and a store; `signedIn` puts credentials that are good there into it. */
export async function stage(script = asks, signIn: Partial<SignInSettings> = {}) {
  const server = await startFakeAuthorizationServer({
    clients: [{ ...publicClient, secret: undefined, method: 'none', redirectUris: [] }],
  });
  const remote = await startProtectedRemote({
    isValid: server.isValid,
    authorizationServers: [server.issuer],
  });
  const program = playSignInProgram(script);
  const { store, folder } = newStore();
  const { log, lines, secrets } = recordingLogger();
  let count = 0;
  const issue = (as: FakeAuthorizationServer = server, isValid = true): Partial<ConnectionRecord> => {
    const grant = as.book.addGrant({ clientId: publicClient.id, scope: '', resource: undefined });
    const [accessToken, refreshToken] = [as.book.secret('access'), as.book.secret('refresh')];
    as.book.accessTokens.set(accessToken, { grant, scope: '', expires: Date.now() + (isValid ? HOUR : -1) });
    as.book.refreshTokens.set(refreshToken, { grant, used: false });
    const now = Date.now() + count++;
    return {
      issuer: as.issuer,
      tokenEndpoint: `${as.issuer}/token`,
      accessToken,
      refreshToken,
      signedInAt: now,
      obtainedAt: now,
      expiresAt: now + HOUR,
    };
  };
  const signedIn = (more: Partial<ConnectionRecord> = {}, of = store) =>
    storeConnection(of, connectionRecord({ server: remote.url, resource: null, ...issue(), ...more }));
  return {
    server,
    remote,
    program,
    store,
    folder,
    lines,
    secrets,
    issue,
    signedIn,
    bridge(settings = signIn) {
      const authorizer = new OAuthAuthorizer(settingsFor(remote.url, settings), folder, store, log);
      onTestFinished(() => authorizer.close());
      return authorizer;
    },
    attempts: new SignInAttempts(store, connectionId(remote.url, 'default')),
    /** The user does what the program waits for. */
    async userSignsIn(authorizer: OAuthAuthorizer, more: Partial<ConnectionRecord> = {}) {
      const pending = await until('a sign-in', () => authorizer.signIn);
      await pending.linked;
      const stored = await signedIn(more);
      pending.openWindow();
      await pending.settled;
      return stored;
    },
    tokenRequests: () => server.of('token').length,
  };
}

export const challenge = (used: string | undefined, more: Partial<Challenge> = {}): Challenge => ({
  status: 401,
  header: 'Bearer error="invalid_token"',
  error: new DrawbridgeError('unauthorized', 'm', { status: more.status ?? 401 }),
  used,
  mayAskUser: true,
  ...more,
});
export const stepUp = (used: string | undefined, scope?: string) =>
  challenge(used, {
    status: 403,
    header: `Bearer error="insufficient_scope"${scope === undefined ? '' : `, scope="${scope}"`}`,
  });

export const bearer = ({ record }: { record: ConnectionRecord }) => `Bearer ${record.accessToken}`;
export const reasonOf = async (answer: Promise<DrawbridgeError | undefined>) =>
  (await within(answer, 9000, () => 'no answer to the challenge'))?.reason;
