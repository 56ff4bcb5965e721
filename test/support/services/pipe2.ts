import { randomUUID } from 'node:crypto';
import { FakeAuthorizationServer } from '../fake-authorization-server.ts';
import { startProtectedRemote } from '../protected-remote.ts';
import type { Service } from './service.ts';

const YEAR = 365 * 86_400;

interface Pipe2 extends Service {
  url: string;
  /** Makes a personal access token: a JWT that ends after so many seconds, a year by default. */
  personalToken(seconds?: number): string;
  revokePersonalToken(token: string): void;
}

/**
 * Pipe2.ai: the MCP server is its own authorization server, as in the revision 2025-03-26, and has no resource metadata.
 * In place of a sign-in it takes personal access tokens, which it looks up on every request.
 */
export async function startPipe2(): Promise<Pipe2> {
  const server = new FakeAuthorizationServer();
  const personal = new Map<string, number>();
  const remote = await startProtectedRemote({
    own: server,
    prm: false,
    endpoints: ['/'],
    isValid: (token) => server.isValid(token) || (personal.get(token) ?? 0) > Date.now(),
    challenge: (problem) =>
      problem === 'missing' ? 'Bearer realm="pipe2"' : `Bearer realm="pipe2", error="${problem}"`,
  });
  return {
    server,
    remote,
    url: remote.origin,
    personalToken: (seconds = YEAR) => {
      const exp = Math.floor(Date.now() / 1000) + seconds;
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const claims = { sub: 'user-7', jti: randomUUID(), exp };
      const token = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}.${server.book.secret('signature')}`;
      server.book.secrets.add(token);
      personal.set(token, exp * 1000);
      return token;
    },
    revokePersonalToken: (token) => void personal.delete(token),
  };
}
