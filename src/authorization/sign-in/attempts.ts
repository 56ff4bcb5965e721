import { idOf } from '../../credentials/ids.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { DrawbridgeError, isReason } from '../../errors.ts';
import { isObject } from '../../jsonrpc.ts';
import { put } from '../stored-credentials.ts';

const MINUTE = 60_000;
/** So many windows a connection may open in an hour without anybody having asked for one [7]. */
const WINDOWS_PER_HOUR = 3;
/** After a window that nobody used, or a refusal, the next one has to wait so long [7]. */
const PAUSE = 5 * MINUTE;

/** `open`: it is under way, or its process has died. `unready`: it failed before there was anything for the user to do. */
type Ending = 'open' | 'done' | 'ignored' | 'refused' | 'unready' | 'failed';

interface Attempts {
  schema: 1;
  /** When windows were opened in the last hour, epoch milliseconds. */
  windows: number[];
  last: { at: number; ending: Ending; reason?: string; message?: string };
  /** When a window was last left unused or the sign-in refused, unless one has succeeded since. */
  unwanted?: number | undefined;
}

/** The sign-ins of a connection that bridges have begun: how many windows there were, and how the last one ended. */
export class SignInAttempts {
  readonly #store: CredentialStore;
  readonly #id: string;

  constructor(store: CredentialStore, connection: string) {
    this.#store = store;
    this.#id = idOf('attempts', connection);
  }

  /** Whether a bridge may open a window now. */
  get mayOpenWindow(): boolean {
    const attempts = this.#read();
    if (!attempts) return true;
    const now = Date.now();
    const { unwanted } = attempts;
    const isTooSoon = unwanted !== undefined && Math.abs(now - unwanted) < PAUSE;
    return !isTooSoon && recent(attempts.windows, now).length < WINDOWS_PER_HOUR;
  }

  /**
   * How the last sign-in failed, where it ended after a point in time: those who waited for it share its end.
   *
   * @param since epoch milliseconds
   */
  failureSince(since: number): DrawbridgeError | undefined {
    const last = this.#read()?.last;
    if (!last || last.at < since || last.reason === undefined || last.message === undefined) return undefined;
    return new DrawbridgeError(isReason(last.reason) ? last.reason : 'sign-in-refused', last.message);
  }

  /** As `failureSince`, for one that failed before there was anything for the user to do. */
  unreadySince(since: number): DrawbridgeError | undefined {
    return this.#read()?.last.ending === 'unready' ? this.failureSince(since) : undefined;
  }

  /** @param opened whether a window was opened */
  async begin(opened: boolean): Promise<void> {
    const now = Date.now();
    await this.#update(({ windows, unwanted }) => ({
      windows: opened ? [...windows, now] : windows,
      last: { at: now, ending: 'open' },
      unwanted,
    }));
  }

  async end(ending: Ending, failure?: DrawbridgeError): Promise<void> {
    const told = failure && { reason: failure.reason, message: failure.message };
    const at = Date.now();
    const isUnwanted = ending === 'ignored' || ending === 'refused';
    await this.#update(({ windows, unwanted }) => ({
      windows,
      last: { at, ending, ...told },
      unwanted: isUnwanted ? at : ending === 'done' ? undefined : unwanted,
    }));
  }

  /** As if there had never been any: the user has signed out. */
  async forget(): Promise<void> {
    await this.#store.delete('attempts', this.#id);
  }

  #read(): Attempts | undefined {
    const value = this.#store.read<unknown>('attempts', this.#id)?.value;
    return isObject(value) && value.schema === 1 && Array.isArray(value.windows) && isObject(value.last)
      ? (value as unknown as Attempts)
      : undefined;
  }

  async #update(change: (attempts: Attempts) => Omit<Attempts, 'schema'>): Promise<void> {
    const before: Attempts = this.#read() ?? { schema: 1, windows: [], last: { at: 0, ending: 'done' } };
    const { windows, ...rest } = change(before);
    const value: Attempts = { schema: 1, windows: recent(windows, Date.now()), ...rest };
    await put(this.#store, 'attempts', this.#id, value);
  }
}

function recent(windows: readonly number[], now: number): number[] {
  return windows.filter((at) => at <= now && now - at < 60 * MINUTE);
}
