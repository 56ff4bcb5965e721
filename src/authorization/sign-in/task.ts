import type { JsonValue } from '../../jsonrpc.ts';
import type { LogFields } from '../../logger.ts';
import type { NetworkSettings, Settings, SignInSettings, StoreSettings } from '../../settings.ts';

/** What a sign-in is to reach: handed over to the process that does it, as JSON. */
export interface SignInTask {
  /** The MCP server's URL. */
  server: string;
  network: Omit<NetworkSettings, 'env'>;
  signIn: SignInSettings;
  /** Folder of the credential store. */
  folder: string;
  /** What opens it; a secret may be among it. */
  store: StoreSettings;
  /** `resource_metadata` and `scope` of the challenge that made it necessary, and whether it was one for bound tokens. */
  challenge: {
    resourceMetadata?: string | undefined;
    scope?: string | undefined;
    dpop?: boolean | undefined;
  };
  /** Scopes that were asked for before and are to be asked for again. */
  earlierScope: string | undefined;
  /** When the latest of the kept credentials were given, epoch milliseconds or 0: newer ones are as good as our own. */
  replaces: number;
  /** Whether a window may be opened: not where the client opens the link, nor with `--no-browser`. */
  opensWindow: boolean;
  /** A person has run `login`: the limits on windows do not hold. */
  isRequested: boolean;
  /** What the environment of no browser may hold, besides what proves the client. */
  secrets?: readonly string[];
}

/** What the sign-in tells on its way. */
export type SignInEvent =
  /** Everything is ready for the user. `opening`: a window is being opened as well. */
  | { event: 'link'; url: string; opening: boolean }
  | { event: 'no-window'; url: string; why: string }
  /** For the log of the bridge. */
  | { event: 'warning'; message: string; fields?: LogFields | undefined }
  | { event: 'done' }
  | { event: 'failed'; reason: string; message: string }
  /** Another process is signing in at the moment. */
  | { event: 'busy' };

/** What every bridge of the user's may know about the sign-in that holds the gate. */
export interface Announcement {
  connection: string;
  link: string;
  windowOpened: boolean;
}

/** The lock that one sign-in on this machine holds, so that there is one window at a time [57, 70]. */
export const SIGN_IN_GATE = 'sign-in';

export function createTask(
  settings: Settings,
  folder: string,
  rest: Pick<SignInTask, 'challenge' | 'earlierScope' | 'replaces' | 'opensWindow' | 'isRequested'>,
): SignInTask {
  const { env: _env, ...network } = settings.network;
  return {
    server: settings.url.href,
    network,
    signIn: settings.signIn,
    folder,
    store: settings.store,
    ...(settings.behalf && { secrets: secretsOf(settings.behalf) }),
    ...rest,
  };
}

/** What of the settings of a connection is secret in the environment, whatever the variable is called. */
export function secretsOf({ headers, signIn }: Pick<Settings, 'headers' | 'signIn'>): string[] {
  return [...Object.values(headers), signIn.clientSecret ?? ''].filter(Boolean);
}

/** @returns undefined where the holder of the gate has announced nothing yet, or something else */
export function readAnnouncement(value: JsonValue | undefined): Announcement | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { connection, link, windowOpened } = value;
  if (typeof connection !== 'string' || typeof link !== 'string') return undefined;
  return { connection, link, windowOpened: windowOpened === true };
}
