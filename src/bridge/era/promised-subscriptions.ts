import type { MessageText } from '../../byte-text.ts';
import { isObject, type MessageId } from '../../jsonrpc.ts';
import { ACKNOWLEDGED, listChanges, possiblyMissed } from '../../remote/subscription.ts';
import { metaKeys, metaOf } from '../../revisions.ts';
import type { PendingRequest } from '../pending-requests.ts';

/** So often a subscription looks whether somebody has signed in, in milliseconds. */
const LOOK_AGAIN = 60_000;

/**
 * Subscriptions that are acknowledged before the server could be asked, since nobody is signed in: the client hears that
 * the lists have changed when somebody has.
 */
export class PromisedSubscriptions {
  readonly #write: (text: MessageText) => void;
  readonly #promised = new Map<MessageId, PendingRequest>();
  /** What goes on when somebody has signed in. */
  readonly #waiting = new Set<() => void>();

  constructor(write: (text: MessageText) => void) {
    this.#write = write;
  }

  /** Tells the client that it will hear of changes, once, and waits until somebody has signed in. */
  async hold(request: PendingRequest): Promise<void> {
    if (!this.#promised.has(request.id)) this.#promise(request);
    await new Promise<void>((resolve) => {
      const goOn = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(goOn);
        resolve();
      };
      // Another process may have signed in without a word.
      const timer = setTimeout(goOn, LOOK_AGAIN);
      this.#waiting.add(goOn);
      request.abort = goOn;
    });
  }

  /** Credentials are there that were not. */
  signedIn(): void {
    for (const goOn of this.#waiting) goOn();
  }

  /**
   * Takes an acknowledgement of the server's.
   *
   * @returns whether the client has had one already; then it is told of the changes instead
   */
  take(params: unknown): boolean {
    const request = this.#promised.get(metaOf(params)[metaKeys.subscriptionId] as MessageId);
    if (!request) return false;
    const filter = isObject(params) && isObject(params.notifications) ? params.notifications : {};
    for (const notification of possiblyMissed(filter, request))
      this.#write(JSON.stringify({ jsonrpc: '2.0', ...notification }));
    return true;
  }

  /** The subscription is over. @returns whether it was promised */
  end(id: MessageId): boolean {
    return this.#promised.delete(id);
  }

  #promise(request: PendingRequest): void {
    this.#promised.set(request.id, request);
    request.alive('stream');
    const asked = isObject(request.params) && request.params.notifications;
    const flags = Object.keys(listChanges).filter((flag) => isObject(asked) && asked[flag] === true);
    const notifications = Object.fromEntries(flags.map((flag) => [flag, true]));
    const params = { notifications, _meta: { [metaKeys.subscriptionId]: request.id } };
    this.#write(JSON.stringify({ jsonrpc: '2.0', method: ACKNOWLEDGED, params }));
  }
}
