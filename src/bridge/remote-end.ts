import type { RemoteTransport, TransportOptions } from '../remote/transport.ts';

/** The far end of the crossing: the transport in use, and the way over to the older one. */
export class RemoteEnd {
  readonly #options: TransportOptions;
  #transport: RemoteTransport;

  /** @param create makes the transport to begin with */
  constructor(create: (options: TransportOptions) => RemoteTransport, options: TransportOptions) {
    this.#options = options;
    this.#transport = create(options);
  }

  get transport(): RemoteTransport {
    return this.#transport;
  }

  /** Goes over to HTTP+SSE. @returns the way back */
  async fallBack(): Promise<() => void> {
    const before = this.#transport;
    const { HttpSse } = await import('../remote/http-sse.ts');
    this.#transport = new HttpSse(this.#options);
    return () => {
      void this.#transport.close(0);
      this.#transport = before;
    };
  }
}
