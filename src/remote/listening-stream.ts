import { asDrawbridgeError } from '../errors.ts';
import type { Exchange } from '../platform/http-client.ts';
import { sleep } from '../platform/sleep.ts';
import { decodedBody, readChunks } from './body.ts';
import { isEventStream, isSessionExpired, statusError } from './http-answer.ts';
import { deliver } from './message-reader.ts';
import { readRefusal } from './refusal.ts';
import { commonHeaders, isHeaderSafe, streamHeaders } from './request-headers.ts';
import { backoff, clampRetry, parseRetryAfter } from './retry.ts';
import { SseReader } from './sse-reader.ts';
import type { Session, TransportOptions } from './transport.ts';

/** A stream that lasted this long was sound: the next break is a first one again. */
const SOUND_AFTER = 30_000;
const OPENING_LIMIT = 1_000;

/**
 * The GET stream of a session, on which the server says what nobody asked: list changes, updates, its own requests.
 * Opened again whenever it ends, for as long as the session lasts (MCP 2025-11-25, Listening for Messages).
 */
export class ListeningStream {
  readonly #options: TransportOptions;
  readonly #session: Session;
  readonly #closed = new AbortController();
  #exchange: Exchange | undefined;
  #lastEventId: string | undefined;
  #retry: number | undefined;
  #wasOpen = false;
  #opened!: () => void;
  #settled: Promise<unknown>;
  #ended = false;

  constructor(options: TransportOptions, session: Session) {
    this.#options = options;
    this.#session = session;
    this.#settled = this.#start();
  }

  /** Resolves when the stream stands or will not, at the latest after a second. */
  get settled(): Promise<unknown> {
    return this.#settled;
  }

  /** Tries again where the server would have no stream, from the last event on where there was one. */
  restart(): void {
    if (this.#ended && !this.#closed.signal.aborted) this.#settled = this.#start();
  }

  close(): void {
    this.#closed.abort();
    this.#exchange?.abort(new Error('closed'));
  }

  #start(): Promise<unknown> {
    this.#ended = false;
    const opened = new Promise<void>((resolve) => {
      this.#opened = resolve;
    });
    void this.#run().finally(() => {
      this.#ended = true;
      this.#opened();
    });
    return Promise.race([opened, sleep(OPENING_LIMIT, this.#closed.signal)]);
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    for (let failures = 0; !this.#closed.signal.aborted; ) {
      const opened = performance.now();
      let wait: number | undefined;
      let failed = false;
      try {
        const next = await this.#openOnce();
        if (next === 'none') return;
        wait = next.retryAfter;
        failed = next.failed ?? false;
      } catch (error) {
        failed = true;
        this.#exchange?.abort(new Error('closed')); // where only its answer was refused, it is still open
        log.debug('listening stream lost', { reason: asDrawbridgeError(error).reason });
      }
      failures = performance.now() - opened >= SOUND_AFTER ? 1 : failures + 1;
      // The server's own wait holds after a clean end; a dead server is not asked at that pace for ever.
      const pause = failed
        ? Math.max(this.#retry ?? 0, backoff(failures))
        : (this.#retry ?? backoff(failures));
      await sleep(wait ?? pause, this.#closed.signal);
    }
  }

  /** @returns when the stream ended: `none` where there is not to be another, else what to wait, in milliseconds */
  async #openOnce(): Promise<'none' | { retryAfter: number | undefined; failed?: boolean }> {
    const { client, path, headers, authorizer, sink, log } = this.#options;
    const credential = await authorizer.credential();
    const common = commonHeaders(headers, this.#session, credential);
    if (this.#closed.signal.aborted) return 'none';
    const signer = authorizer.signer?.(credential);
    const own = streamHeaders(common, this.#lastEventId);
    this.#exchange = client.exchange('GET', path, own, undefined, signer);
    const response = await this.#exchange.response;
    const status = response.statusCode ?? 0;
    if (status === 200 && isEventStream(response)) {
      this.#wasOpen = true;
      authorizer.accepted(credential);
      this.#opened();
      await this.#read(await decodedBody(response));
      return { retryAfter: undefined };
    }

    const refusal = await readRefusal(response, this.#options);
    log.debug('no listening stream', { status });
    if (status === 429 || status >= 500) {
      const seconds = parseRetryAfter(response.headers['retry-after']);
      return { retryAfter: seconds === undefined ? undefined : clampRetry(seconds * 1000), failed: true };
    }
    if (status === 401 || status === 403) {
      const final = await authorizer.challenged({
        status,
        header: response.headers['www-authenticate'],
        error: statusError(refusal, client.target),
        used: credential,
        mayAskUser: false,
      });
      return final ? 'none' : { retryAfter: undefined };
    }
    if (this.#lastEventId !== undefined && status === 400) {
      this.#lastEventId = undefined; // the server no longer knows that event
      return { retryAfter: undefined };
    }
    // Some servers have no GET at all and say 404 rather than 405: only one that had a stream has lost the session.
    if (this.#wasOpen && this.#session.id !== undefined && isSessionExpired(refusal)) {
      sink.sessionLost(this.#session);
    }
    return 'none';
  }

  async #read(body: Awaited<ReturnType<typeof decodedBody>>): Promise<void> {
    const { sink, maxMessageBytes, log } = this.#options;
    const reader = new SseReader({
      maxEventBytes: maxMessageBytes,
      onRetry: (milliseconds) => {
        this.#retry = clampRetry(milliseconds);
      },
      onEvent: ({ type, data }) => {
        if (type !== 'message' || data.length === 0) return;
        if (!deliver(data, sink)) log.warn('event is no JSON, dropped');
      },
    });
    await readChunks(body, sink, (chunk) => {
      reader.push(chunk);
      const id = reader.lastEventId;
      if (id !== undefined) this.#lastEventId = isHeaderSafe(id) ? id : undefined;
    });
  }
}
