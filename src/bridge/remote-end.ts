import { StreamableHttp } from '../remote/streamable-http.ts';
import type { RemoteTransport, TransportOptions } from '../remote/transport.ts';
import type { LegacyClientTranslation } from './era/legacy-client.ts';

/** The far end of the crossing for a legacy client: the transport in use, and the ways over to the others. */
export class RemoteEnd {
  readonly #options: TransportOptions;
  readonly #translate: ((options: TransportOptions) => Promise<LegacyClientTranslation>) | undefined;
  #transport: RemoteTransport;
  /** The last one that translates nothing. */
  #direct: RemoteTransport;
  #translation: LegacyClientTranslation | undefined;

  /**
   * @param create makes the transport to begin with
   * @param translate makes the one that speaks to a modern server in a legacy client's name
   */
  constructor(
    create: (options: TransportOptions) => RemoteTransport,
    options: TransportOptions,
    translate?: (options: TransportOptions) => Promise<LegacyClientTranslation>,
  ) {
    this.#options = options;
    this.#translate = translate;
    this.#transport = create(options);
    this.#direct = this.#transport;
  }

  get transport(): RemoteTransport {
    return this.#transport;
  }

  /** Goes over to the other transport: HTTP+SSE, or Streamable HTTP where that was the first. @returns the way back */
  async fallBack(): Promise<() => void> {
    const Other =
      this.#transport.name === 'sse' ? StreamableHttp : (await import('../remote/http-sse.ts')).HttpSse;
    return this.#goOver(new Other(this.#options));
  }

  /** Goes over to the modern protocol. @returns the way back */
  async goModern(): Promise<() => void> {
    const translation = await this.translation();
    return translation ? this.#goOver(translation) : () => {};
  }

  /** What would speak to a modern server; undefined where the client is one itself. */
  async translation(): Promise<LegacyClientTranslation | undefined> {
    this.#translation ??= await this.#translate?.(this.#options);
    return this.#translation;
  }

  #goOver(transport: RemoteTransport): () => void {
    const { transport: now } = this;
    // Who speaks in the modern form already, and finds the server changed, goes back to what was there before that.
    const before = now === transport ? this.#direct : now;
    this.#transport = transport;
    if (transport !== this.#translation) this.#direct = transport;
    return () => {
      if (before !== transport) void transport.close(0);
      this.#transport = before;
      if (before !== this.#translation) this.#direct = before;
    };
  }
}
