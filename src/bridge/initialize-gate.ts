import type { RemoteTransport } from '../remote/transport.ts';
import type { PendingRequest } from './pending-requests.ts';
import type { SessionRecovery } from './session-recovery.ts';

/**
 * Requests in whose course a server may ask the client something, or answer on the listening stream. Some servers drop
 * what they have to say there while that is not open yet, and some take its late opening for a resumption.
 */
const mayAsk = /^(tools\/call|prompts\/get|resources\/read|completion\/complete)$/;

/**
 * Holds messages back while the handshake is under way: on stdio they come in order, but each travels on a connection
 * of its own, and some servers refuse what overtakes `notifications/initialized`.
 */
export class InitializeGate {
  readonly #transport: () => RemoteTransport;
  readonly #recovery: SessionRecovery;
  readonly #settling: () => Promise<unknown> | undefined;
  #handshake: Promise<unknown> | undefined;
  #listening: Promise<void> | undefined;

  /** @param settling what is still being found out about the server before requests may go; it must not reject */
  constructor(
    transport: () => RemoteTransport,
    recovery: SessionRecovery,
    settling: () => Promise<unknown> | undefined = () => undefined,
  ) {
    this.#transport = transport;
    this.#recovery = recovery;
    this.#settling = settling;
  }

  /** What is waited for; undefined where nothing is, so that a message need not lose a turn. Never rejects. */
  get closed(): Promise<unknown> | undefined {
    return this.#handshake ?? this.#recovery.running?.catch(() => {});
  }

  /** Whether no session stands at the moment, so that a ping would only tell about the bridge. */
  get isApart(): boolean {
    return this.closed !== undefined || this.#transport().session === undefined;
  }

  /** Closes the gate until `work` is done, which must not reject. */
  hold(work: Promise<unknown>): void {
    this.#handshake = work;
    void work.then(() => {
      if (this.#handshake === work) this.#handshake = undefined;
    });
  }

  /** Opens the listening stream. */
  listen(): void {
    this.#listening = this.#transport()
      .listen()
      .then(() => {
        this.#listening = undefined;
      });
  }

  /** Resolves when a request may go. */
  async pass(request: PendingRequest): Promise<void> {
    for (let gate = this.closed; gate && !request.settled; gate = this.closed) await gate;
    const settling = this.#settling();
    if (settling) await settling;
    if (this.#listening && mayAsk.test(request.method)) await this.#listening;
  }
}
