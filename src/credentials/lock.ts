import type { JsonValue } from '../jsonrpc.ts';

/** A lock that is held. The operating system drops it with this process, however it ends. */
export interface Lock {
  release(): Promise<void>;
  /** Tells followers, those to come too. */
  announce(value: JsonValue): void;
}

/** The process that holds a lock, as one sees it that does not. */
export interface Holder {
  /** The latest that it announced; undefined: nothing yet, or this system has no way to tell. */
  readonly announced: JsonValue | undefined;
  /** Calls back with everything that it announces from now on. */
  onAnnounced(callback: (value: JsonValue) => void): void;
  /** Resolves when it has released the lock, or died. Never rejects. */
  readonly gone: Promise<void>;
  close(): void;
}

/** What one lock is known by. Both come from a secret of the store, so nobody else can name it or speak for it [58]. */
export interface LockIdentity {
  /** Lower-case hex. */
  readonly id: string;
  /** What the two ends of a connection prove to each other that they know. */
  readonly proofKey: Buffer;
}

/** How an operating system keeps a lock. */
export interface LockKeeper {
  /** One try: undefined where another holds it. */
  take(lock: LockIdentity): Promise<Lock | undefined>;
  /** Resolves when it may be free again, and after `ms` milliseconds at the latest. */
  waitForRelease(lock: LockIdentity, ms: number): Promise<void>;
  follow(lock: LockIdentity): Promise<Holder | undefined>;
}
