import type { Authorizer } from '../../authorization/authorizer.ts';
import type { MessageText } from '../../byte-text.ts';
import { asDrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { FlowControl } from '../../remote/body.ts';
import type { Answer, PendingRequest, PendingRequests } from '../pending-requests.ts';
import type { RememberedServer, ServerMemory } from '../server-memory.ts';
import type { ModernFace } from './modern-face.ts';
import type { RemoteEra } from './remote-era.ts';
import { createModernFace, type WayOptions } from './ways.ts';

export interface ModernHookOptions {
  ways: WayOptions;
  era: RemoteEra;
  authorizer: Authorizer;
  memory: ServerMemory | undefined;
  /** Keeps what the server says of itself, where nobody could have it without a credential. */
  remember: (server: RememberedServer) => void;
  pending: PendingRequests;
  write: (text: MessageText) => void;
  flow: FlowControl;
  log: Logger;
}

/** Where the messages of a modern client go; most bridges never load what takes them. */
export class ModernHook {
  readonly #options: ModernHookOptions;
  #face: ModernFace | undefined;
  #loading: Promise<ModernFace> | undefined;

  constructor(options: ModernHookOptions) {
    this.#options = options;
  }

  /** Brings a request to its answer. Never rejects. */
  async take(request: PendingRequest): Promise<void> {
    try {
      await (this.#face ?? (await this.#load())).take(request);
    } catch (error) {
      request.fail(asDrawbridgeError(error));
    }
  }

  /** Sends a notification on. */
  notify(body: MessageText, method: string): void {
    this.#face?.notify(body, method).catch((error: unknown) => {
      this.#options.log.warn('message not delivered', { method, reason: asDrawbridgeError(error).reason });
    });
  }

  /** An answer of the bridge's own as a modern client expects it. */
  inItsForm(answer: Answer, method: string): Answer {
    return this.#face?.inItsForm(answer, method) ?? answer;
  }

  /** Credentials are there that were not. */
  signedIn(): void {
    this.#face?.signedIn();
  }

  async close(timeout: number): Promise<void> {
    await this.#face?.close(timeout);
  }

  async #load(): Promise<ModernFace> {
    const { ways, memory, ...options } = this.#options;
    this.#loading ??= createModernFace(ways, {
      ...options,
      host: ways.settings.url.host,
      remembered: () => memory?.read(),
    });
    this.#face = await this.#loading;
    return this.#face;
  }
}
