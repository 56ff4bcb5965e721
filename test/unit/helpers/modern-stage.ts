import { onTestFinished } from 'vitest';
import { type Authorizer, FixedCredentials } from '../../../src/authorization/authorizer.ts';
import type { PendingRequest } from '../../../src/bridge/pending-requests.ts';
import type { MessageId } from '../../../src/jsonrpc.ts';
import { ModernHttp } from '../../../src/remote/modern-http.ts';
import type { Outcome } from '../../../src/remote/transport.ts';
import { metaKeys } from '../../../src/revisions.ts';
import { type FakeRemote, startFakeRemote } from '../../support/fake-remote.ts';
import { within } from '../../support/wait.ts';
import { type Asked, ask } from './pending.ts';
import { transportOptions } from './scripted-sink.ts';

/** What every request of a modern client says of itself. */
export const modernMeta = {
  [metaKeys.protocolVersion]: '2026-07-28',
  [metaKeys.clientInfo]: { name: 'modern client', version: '1' },
  [metaKeys.clientCapabilities]: {},
};

/** A request of a modern client; its parameters are of no other interest. */
export function askModern(
  method: string,
  { id = 1, params = {}, _meta = {} }: { id?: MessageId; params?: object; _meta?: object } = {},
): Asked {
  return ask(method, { id, params: { ...params, _meta: { ...modernMeta, ..._meta } } });
}

/** The transport for a modern server before a server that the test plays. */
export async function modernStage({
  remote,
  authorizer = new FixedCredentials(),
}: {
  remote?: FakeRemote;
  authorizer?: Authorizer;
} = {}) {
  const server = remote ?? (await startFakeRemote());
  const options = await transportOptions(server, authorizer);
  let made = 0;
  const transport = new ModernHttp({ ...options, newId: () => `own-${++made}` });
  onTestFinished(() => transport.close(100));
  const start = (asked: Asked): Promise<Outcome> =>
    within(transport.send(asked.request), 8000, () => 'send() hangs');
  return {
    ...options,
    remote: server,
    transport,
    start,
    /** Sends a request, and waits for how that ends. */
    async send(method: string, given: Parameters<typeof askModern>[1] = {}) {
      const asked = askModern(method, given);
      const outcome = await start(asked);
      return { ...asked, outcome };
    },
  };
}

/** Cancels a request as the bridge does for a modern client. */
export function drop(request: PendingRequest): void {
  request.drop(new Error('cancelled') as never);
}
