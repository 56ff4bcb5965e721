import { initializeResult, resultOf, usualResult } from './fake-answers.ts';
import type { EventStream, Exchange } from './fake-exchange.ts';
import { type FakeRemote, type FakeRemoteOptions, type Handler, startFakeRemote } from './fake-remote.ts';

export interface FakeSseRemote {
  remote: FakeRemote;
  /** The URL of the event stream. */
  url: string;
  /** Every stream opened so far. */
  streams: EventStream[];
  /** Answers with a message on the newest stream. */
  push(message: unknown): void;
}

interface SseOptions extends FakeRemoteOptions {
  /** What the `endpoint` event says; `undefined` sends none. */
  endpoint?: ((remote: FakeRemote) => string) | undefined;
  /** The status of a POST to the event stream's URL. */
  postStatus?: number;
}

/** A remote of 2024-11-05: GET opens the stream, POST /message takes messages, answers come on the stream. */
export async function startFakeSseRemote(options: SseOptions = {}): Promise<FakeSseRemote> {
  return speakSse(await startFakeRemote(options), options);
}

/** Makes one of 2024-11-05 of a remote that is there already. */
export function speakSse(remote: FakeRemote, options: SseOptions = {}): FakeSseRemote {
  const { endpoint = () => '/message?key=k%2F1', postStatus = 405 } = options;
  const streams: EventStream[] = [];
  const push = (message: unknown) => void streams.at(-1)?.send(message, { event: 'message' });
  remote.on('GET', (exchange) => {
    const stream = exchange.sse();
    streams.push(stream);
    stream.send(endpoint(remote), { event: 'endpoint' });
  });
  const take: Handler = (exchange: Exchange) => {
    const { path, message } = exchange.request;
    if (!path.startsWith('/message')) return exchange.status(postStatus);
    exchange.status(202);
    if (message?.method === undefined || message.id === undefined) return;
    const result = message.method === 'initialize' ? initializeResult(message) : usualResult(message);
    push(resultOf(message.id, result ?? {}));
  };
  remote.on('POST', take);
  return { remote, url: `${remote.origin}/sse`, streams, push };
}
