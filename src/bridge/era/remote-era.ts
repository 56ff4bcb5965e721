import type { RemoteTransport } from '../../remote/transport.ts';
import type { ProtocolEra } from '../../revisions.ts';
import type { EraMemory } from './era-file.ts';

/**
 * So long a server is taken to be of the legacy era without another look, in milliseconds: one that was renewed goes on
 * answering `initialize`, so that verdict never fails by itself. A modern one does.
 */
const LEGACY_LASTS = 24 * 60 * 60 * 1000;

/** Which era the remote is of: pinned by the user, found out, or remembered. */
export class RemoteEra {
  /** Whether the user has said it, so that nothing is found out. */
  readonly isPinned: boolean;
  readonly #memory: EraMemory | undefined;
  #known: ProtocolEra | undefined;
  #transport: RemoteTransport['name'] | undefined;
  #isRead = false;

  /** @param choice `--era` */
  constructor(choice: ProtocolEra | 'auto', memory: EraMemory | undefined) {
    this.isPinned = choice !== 'auto';
    this.#memory = this.isPinned ? undefined : memory;
    this.#known = choice === 'auto' ? undefined : choice;
  }

  /** Undefined where the next message has to find it out. */
  get known(): ProtocolEra | undefined {
    if (this.#known !== undefined || this.#isRead) return this.#known;
    this.#isRead = true;
    const verdict = this.#memory?.read();
    if (verdict) {
      const age = Date.now() - verdict.at;
      const isFresh = verdict.era === 'modern' || (age >= 0 && age < LEGACY_LASTS);
      this.#known = isFresh ? verdict.era : undefined;
      this.#transport = isFresh ? verdict.transport : undefined;
    }
    return this.#known;
  }

  /**
   * The remote has shown it: by an answer, never by a 401, a 403, a 5xx or silence.
   *
   * @param transport the one that the answer came by; undefined: that is not known here
   */
  found(era: ProtocolEra, transport?: RemoteTransport['name']): void {
    const isSame = this.known === era && (!transport || this.#transport === transport);
    if (this.isPinned || isSame) return;
    this.#known = era;
    this.#transport = transport;
    this.#memory?.write({ era, transport, at: Date.now() });
  }
}
