import { type Authorizer, type Challenge, FixedCredentials } from '../../../src/authorization/authorizer.ts';
import type { PendingRequest } from '../../../src/bridge/pending-requests.ts';
import type { MessageText } from '../../../src/byte-text.ts';
import type { JsonRpcMessage } from '../../../src/jsonrpc.ts';
import { HttpClient } from '../../../src/platform/http-client.ts';
import type { RemoteSink, Session, TransportOptions } from '../../../src/remote/transport.ts';
import type { FakeRemote } from '../../support/fake-remote.ts';
import { recordingLogger } from './recording-logger.ts';

/** Where a transport under test delivers: it keeps all messages, and answers the requests as the bridge would. */
export class ScriptedSink implements RemoteSink {
  readonly messages: JsonRpcMessage[] = [];
  /** The same as text. */
  readonly texts: string[] = [];
  readonly lost: Session[] = [];
  readonly requests = new Map<unknown, PendingRequest>();
  blocked = false;

  receive(text: MessageText, message: JsonRpcMessage, origin?: PendingRequest): void {
    this.messages.push(message);
    this.texts.push(text.toString());
    if (message.kind === 'response') (origin ?? this.requests.get(message.id))?.answer({ text, message });
  }

  sessionLost(session: Session): void {
    this.lost.push(session);
  }

  whenReady(_resume: () => void): void {}
}

/** All that a transport needs, toward a remote that runs in this process. */
export async function transportOptions(
  remote: FakeRemote,
  authorizer: Authorizer = new FixedCredentials(),
): Promise<TransportOptions & { sink: ScriptedSink }> {
  const client = await HttpClient.create(new URL(remote.url), {
    connectTimeout: 5000,
    requestTimeout: undefined,
    keepAlive: 5000,
    ca: undefined,
    ipv4Only: false,
    cookies: true,
    env: {},
  });
  const { log } = recordingLogger();
  const sink = new ScriptedSink();
  return { client, path: '/mcp', headers: {}, authorizer, sink, maxMessageBytes: 1024 * 1024, log };
}

/** A credential that the server no longer takes, and another one once it has said so. */
export class StaleCredential extends FixedCredentials {
  current = 'Bearer stale';

  override credential(): string {
    return this.current;
  }

  override async challenged({ used, error }: Challenge) {
    this.current = 'Bearer fresh';
    return used === this.current ? error : undefined;
  }
}
