import type { Authorizer, SignIn } from '../authorization/authorizer.ts';
import { isObject, type JsonRpcResponse } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import { cancelled } from './message-text.ts';

export interface LinkRequestOptions {
  /** The server's, as it is shown. */
  host: string;
  authorizer: Authorizer;
  /** Whether the client has confirmed its `initialize`: before that it is asked nothing. */
  isClientReady: () => boolean;
  write: (message: string) => void;
  newId: () => string;
  log: Logger;
}

/** Asks a client that opens links itself to open the one of the sign-in (MCP 2025-11-25, Elicitation, URL mode). */
export class LinkRequest {
  readonly #options: LinkRequestOptions;
  #waiting: SignIn | undefined;
  #open: { id: string; signIn: SignIn } | undefined;

  constructor(options: LinkRequestOptions) {
    this.#options = options;
  }

  /** Whether an answer of the client's is awaited. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Asks as soon as there is a link, and the client may be asked. */
  async ask(signIn: SignIn): Promise<void> {
    await signIn.linked;
    this.#waiting = signIn;
    this.clientReady();
  }

  clientReady(): void {
    const { authorizer, isClientReady } = this.#options;
    const signIn = this.#waiting;
    if (!signIn || !isClientReady()) return;
    this.#waiting = undefined;
    // A window that another bridge has opened shows it already.
    if (signIn.link !== undefined && !signIn.windowOpened && authorizer.signIn === signIn)
      this.#send(signIn, signIn.link);
  }

  /** @returns whether the client's answer was to this; then it is no business of the server's */
  take({ id, result }: JsonRpcResponse): boolean {
    const open = this.#open;
    if (!open || id !== open.id) return false;
    this.#open = undefined;
    const action = isObject(result) ? result.action : undefined;
    this.#options.log.info('asked the client to open the link', { answer: actions.get(action) ?? 'error' });
    // Health checks of clients answer `cancel` on nobody's behalf.
    if (action === 'decline' || action === 'cancel') open.signIn.cancel(action === 'decline');
    else if (action === 'accept') open.signIn.shown();
    else open.signIn.openWindow();
    return true;
  }

  #send(signIn: SignIn, url: string): void {
    const { host, newId, write } = this.#options;
    const id = newId();
    const elicitationId = crypto.randomUUID();
    const message = `Sign in to ${host} in your browser, so that its tools can be used here.`;
    const params = { mode: 'url', elicitationId, url, message };
    this.#open = { id, signIn };
    write(JSON.stringify({ jsonrpc: '2.0', id, method: 'elicitation/create', params }));
    void signIn.settled.then(() => {
      const method = 'notifications/elicitation/complete';
      write(JSON.stringify({ jsonrpc: '2.0', method, params: { elicitationId } }));
      if (this.#open?.id !== id) return;
      this.#open = undefined;
      write(cancelled(id, 'The sign-in is over'));
    });
  }
}

/** The client's own words are not written to the log. */
const actions = new Map<unknown, string>(['accept', 'decline', 'cancel'].map((action) => [action, action]));
