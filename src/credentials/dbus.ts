import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import {
  type Answer,
  type BodyReader,
  decodeMessage,
  ERROR,
  encodeCall,
  METHOD_RETURN,
  type MethodCall,
  messageLength,
  PREFIX_BYTES,
} from './dbus-wire.ts';

/** No line of the greeting is longer. */
const MAX_LINE = 1024;

/** The bus has answered a call with an error. */
export class BusError extends Error {
  /** Such as org.freedesktop.DBus.Error.ServiceUnknown. */
  readonly errorName: string;

  constructor(errorName: string) {
    super(`the bus answers ${errorName}`);
    this.errorName = errorName;
  }
}

/**
 * The address of the session bus. Many MCP clients start servers without DBUS_SESSION_BUS_ADDRESS; the bus of a login
 * is then found at its well-known place.
 *
 * @param exists whether a file is there
 * @returns undefined where there is none
 */
export function sessionBusAddress(
  env: NodeJS.ProcessEnv,
  uid = process.getuid?.(),
  exists: (path: string) => boolean = existsSync,
): string | undefined {
  if (env.DBUS_SESSION_BUS_ADDRESS) return env.DBUS_SESSION_BUS_ADDRESS;
  const folders = [env.XDG_RUNTIME_DIR, uid === undefined ? undefined : `/run/user/${uid}`];
  const path = folders.map((folder) => folder && `${folder}/bus`).find((bus) => bus && exists(bus));
  return path && `unix:path=${encodeURI(path)}`;
}

/**
 * The socket behind a bus address (D-Bus Specification, "Server Addresses"): the first of a kind that we can use.
 *
 * @returns a path, or a name in Linux's abstract namespace with a zero before it; undefined where there is none
 */
export function socketPath(address: string): string | undefined {
  for (const one of address.split(';')) {
    const [transport = '', rest = ''] = splitOnce(one, ':');
    if (transport !== 'unix') continue;
    const pairs = new Map(rest.split(',').map((pair) => splitOnce(pair, '=')));
    const path = pairs.get('path');
    const abstract = pairs.get('abstract');
    try {
      if (path !== undefined) return decodeURIComponent(path);
      if (abstract !== undefined) return `\0${decodeURIComponent(abstract)}`;
    } catch {
      // An escape that is none; another of the addresses may be better.
    }
  }
  return undefined;
}

/** A connection to the session bus. It has no patience of its own: whoever uses it closes it when time is up. */
export class BusConnection {
  readonly #socket: Socket;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();
  #received = Buffer.alloc(0);
  #isGreeted = false;
  #serial = 0;
  #failure: Error | undefined;

  /** @param path of `socketPath` */
  constructor(path: string, uid = process.getuid?.() ?? 0) {
    this.#socket = connect(path);
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the bus has closed the connection')));
    // SASL EXTERNAL ("Authentication Protocol"): the bus knows from the socket who we are. What follows is sent at once;
    // a bus that refuses us closes the connection.
    const id = Buffer.from(String(uid)).toString('hex');
    this.#socket.write(`\0AUTH EXTERNAL ${id}\r\nBEGIN\r\n`);
    void this.call({
      destination: 'org.freedesktop.DBus',
      path: '/org/freedesktop/DBus',
      interface: 'org.freedesktop.DBus',
      member: 'Hello',
    }).catch(() => {}); // the calls after it fail too
  }

  /**
   * Calls a method. Calls may follow each other without waiting.
   *
   * @returns the body of the answer
   * @throws BusError where the answer is an error; another Error where the connection is gone
   */
  async call(call: MethodCall): Promise<BodyReader> {
    const serial = ++this.#serial;
    const answer = await new Promise<Answer>((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#waiting.set(serial, { resolve, reject });
      this.#socket.write(encodeCall(call, serial));
    });
    if (answer.type === ERROR) throw new BusError(answer.errorName ?? 'an error without a name');
    return answer.body;
  }

  /** Whoever waits for an answer is told the reason. */
  close(reason: Error): void {
    this.#fail(reason);
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    try {
      if (!this.#isGreeted && !this.#takeGreeting()) return;
      while (this.#received.length >= PREFIX_BYTES) {
        const length = messageLength(this.#received);
        if (this.#received.length < length) return;
        this.#dispatch(decodeMessage(this.#received.subarray(0, length)));
        this.#received = this.#received.subarray(length);
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** @returns whether it is complete */
  #takeGreeting(): boolean {
    const end = this.#received.indexOf('\r\n');
    if (end < 0 && this.#received.length < MAX_LINE) return false;
    if (!this.#received.subarray(0, Math.max(end, 0)).toString('latin1').startsWith('OK '))
      throw new Error('the bus does not let us in');
    this.#received = this.#received.subarray(end + 2);
    this.#isGreeted = true;
    return true;
  }

  #dispatch(answer: Answer): void {
    if (answer.type !== METHOD_RETURN && answer.type !== ERROR) return; // a signal
    this.#waiting.get(answer.replySerial)?.resolve(answer);
    this.#waiting.delete(answer.replySerial);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#socket.destroy();
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
