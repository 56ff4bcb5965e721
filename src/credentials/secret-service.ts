import { BusConnection, BusError, sessionBusAddress, socketPath } from './dbus.ts';
import type { BodyReader, BodyWriter } from './dbus-wire.ts';
import { KeychainError, SERVICE } from './keychain.ts';

const DESTINATION = 'org.freedesktop.secrets';
const SERVICE_PATH = '/org/freedesktop/secrets';
const SERVICE_INTERFACE = 'org.freedesktop.Secret.Service';

/**
 * Reads from the Secret Service of Linux desktops (Secret Service API 0.2) over the session bus, in this process: it
 * takes a few milliseconds where a process for it takes sixty, waits for nobody, and never makes a prompt appear.
 * Secrets are transferred by the algorithm `plain`; the bus is a socket of this user's.
 */
export class SecretService {
  readonly #env: NodeJS.ProcessEnv;
  readonly #patience: number;

  /** @param patience how long an answer may take, in ms */
  constructor(env: NodeJS.ProcessEnv, patience: number) {
    this.#env = env;
    this.#patience = patience;
  }

  /**
   * @returns the secret; undefined: there is no such item
   * @throws KeychainError
   */
  read(account: string): Promise<string | undefined> {
    return this.#withBus(async (bus) => {
      const opened = bus.call({
        ...service('OpenSession'),
        signature: 'sv',
        body: (writer) => {
          writer.string('plain');
          writer.signature('s');
          writer.string('');
        },
      });
      const attributes = Object.entries({ service: SERVICE, username: account });
      const found = bus.call({
        ...service('SearchItems'),
        signature: 'a{ss}',
        body: (writer) =>
          writer.structures(attributes.length, (index) => {
            for (const text of attributes[index] as [string, string]) writer.string(text);
          }),
      });
      const [session, { unlocked, locked }] = await Promise.all([
        opened.then((body) => {
          skipVariantString(body);
          return body.string();
        }),
        found.then((body) => ({ unlocked: body.strings(), locked: body.strings() })),
      ]);
      const [item] = unlocked;
      if (item === undefined) {
        if (locked.length > 0) throw new KeychainError('locked', 'the item is locked');
        return undefined;
      }
      const secret = await bus.call({
        destination: DESTINATION,
        path: item,
        interface: 'org.freedesktop.Secret.Item',
        member: 'GetSecret',
        signature: 'o',
        body: (writer) => writer.string(session),
      });
      return readSecret(secret);
    });
  }

  /**
   * Whether items can be created without a prompt.
   *
   * @throws KeychainError `locked`, or `unavailable` where there is no collection to put them into
   */
  check(): Promise<void> {
    return this.#withBus(async (bus) => {
      const alias = await bus.call({
        ...service('ReadAlias'),
        signature: 's',
        body: (writer) => writer.string('default'),
      });
      const collection = alias.string();
      if (collection === '/') throw new KeychainError('unavailable', 'there is no default keyring');
      const locked = await bus.call({
        destination: DESTINATION,
        path: collection,
        interface: 'org.freedesktop.DBus.Properties',
        member: 'Get',
        signature: 'ss',
        body: (writer: BodyWriter) => {
          writer.string('org.freedesktop.Secret.Collection');
          writer.string('Locked');
        },
      });
      if (locked.signature() === 'b' && locked.uint32() !== 0)
        throw new KeychainError('locked', 'the default keyring is locked');
    });
  }

  async #withBus<T>(work: (bus: BusConnection) => Promise<T>): Promise<T> {
    const address = sessionBusAddress(this.#env);
    if (address === undefined) throw new KeychainError('unavailable', 'there is no D-Bus session');
    const path = socketPath(address);
    if (path === undefined) throw new UnusableAddress();
    const bus = new BusConnection(path);
    const timer = setTimeout(
      () => bus.close(new KeychainError('silent', 'the Secret Service does not answer')),
      this.#patience,
    );
    try {
      return await work(bus);
    } catch (error) {
      throw asKeychainError(error);
    } finally {
      clearTimeout(timer);
      bus.close(new Error('done'));
    }
  }
}

/** The bus has an address that only D-Bus's own library can use. */
export class UnusableAddress extends KeychainError {
  constructor() {
    super('unavailable', 'the address of the D-Bus session is of an unknown kind');
  }
}

function service(member: string): {
  destination: string;
  path: string;
  interface: string;
  member: string;
} {
  return { destination: DESTINATION, path: SERVICE_PATH, interface: SERVICE_INTERFACE, member };
}

/** The value of a structure (oayays): session, parameters, secret, content type. */
function readSecret(body: BodyReader): string {
  body.align(8);
  body.string();
  body.bytes();
  return body.bytes().toString('utf8');
}

function skipVariantString(body: BodyReader): void {
  // `plain` has no parameters: an empty string stands here.
  if (body.signature() !== 's') throw new RangeError('an answer of another type');
  body.string();
}

function asKeychainError(error: unknown): KeychainError {
  if (error instanceof KeychainError) return error;
  if (error instanceof BusError) {
    if (/\.(ServiceUnknown|NameHasNoOwner|Spawn\.\w+)$/.test(error.errorName))
      return new KeychainError('unavailable', 'no Secret Service is running');
    if (/\.IsLocked$/.test(error.errorName)) return new KeychainError('locked', 'the item is locked');
    if (/\.(AccessDenied|AuthFailed)$/.test(error.errorName))
      return new KeychainError('denied', 'the Secret Service denies access');
    if (/\.(NoReply|Timeout|TimedOut)$/.test(error.errorName))
      return new KeychainError('silent', 'the Secret Service does not answer');
    return new KeychainError('failed', error.message);
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined)
    return new KeychainError('unavailable', `the D-Bus session can't be reached (${code})`);
  return new KeychainError('failed', (error as Error).message);
}
