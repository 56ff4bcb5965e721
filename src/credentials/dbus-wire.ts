/**
 * The part of the D-Bus wire format that reading a secret takes (D-Bus Specification, "Message Protocol"): method calls
 * are written, answers and errors read. Little-endian is what we write; either is read.
 */

/** Message types. */
export const METHOD_RETURN = 2;
export const ERROR = 3;
/** The smallest part of a message that tells its length. */
export const PREFIX_BYTES = 16;
/** No answer that is expected comes near it. */
const MAX_MESSAGE = 1024 * 1024;

/** Header fields, by their codes. */
const field = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
};

export interface MethodCall {
  destination: string;
  path: string;
  interface: string;
  member: string;
  /** The types of the body, in D-Bus signatures. */
  signature?: string;
  /** Writes the body. */
  body?: (writer: BodyWriter) => void;
}

/** An answer to a call. */
export interface Answer {
  type: number;
  replySerial: number;
  errorName: string | undefined;
  signature: string;
  body: BodyReader;
}

/** Writes values at the alignment that their type has. */
export class BodyWriter {
  #bytes: number[] = [];

  align(size: number): void {
    while (this.#bytes.length % size !== 0) this.#bytes.push(0);
  }

  byte(value: number): void {
    this.#bytes.push(value);
  }

  uint32(value: number): void {
    this.align(4);
    this.#bytes.push(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
  }

  string(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.uint32(bytes.length);
    this.#bytes.push(...bytes, 0);
  }

  signature(text: string): void {
    this.#bytes.push(text.length, ...Buffer.from(text, 'latin1'), 0);
  }

  /** An array whose elements are aligned to 8 bytes: structures and dictionary entries. */
  structures(count: number, write: (index: number) => void): void {
    this.uint32(0);
    const lengthAt = this.#bytes.length - 4;
    this.align(8);
    const start = this.#bytes.length;
    for (let index = 0; index < count; index++) {
      this.align(8);
      write(index);
    }
    const length = this.#bytes.length - start;
    for (let at = 0; at < 4; at++) this.#bytes[lengthAt + at] = (length >>> (8 * at)) & 0xff;
  }

  finish(): Buffer {
    return Buffer.from(this.#bytes);
  }
}

/** Reads values; throws a RangeError where the message ends too soon. */
export class BodyReader {
  readonly #bytes: Buffer;
  readonly #isLittle: boolean;
  #at = 0;

  constructor(bytes: Buffer, isLittle: boolean) {
    this.#bytes = bytes;
    this.#isLittle = isLittle;
  }

  align(size: number): void {
    this.#at = Math.ceil(this.#at / size) * size;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++);
  }

  uint32(): number {
    this.align(4);
    this.#at += 4;
    return this.#isLittle ? this.#bytes.readUInt32LE(this.#at - 4) : this.#bytes.readUInt32BE(this.#at - 4);
  }

  string(): string {
    return this.#text(this.uint32());
  }

  signature(): string {
    return this.#text(this.byte());
  }

  bytes(): Buffer {
    return this.#take(this.uint32());
  }

  /** Strings or object paths. */
  strings(): string[] {
    const end = this.uint32() + this.#at;
    const found: string[] = [];
    while (this.#at < end) found.push(this.string());
    return found;
  }

  /** Structures, each read by `read`, up to the end of their array. */
  structures(read: () => void): void {
    const length = this.uint32();
    this.align(8);
    for (const end = this.#at + length; this.#at < end; ) {
      this.align(8);
      read();
    }
  }

  #text(length: number): string {
    const text = this.#take(length).toString('utf8');
    this.#at++; // the zero at its end
    return text;
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError('a D-Bus message that ends too soon');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

/** @param serial names the call, and its answer */
export function encodeCall(call: MethodCall, serial: number): Buffer {
  const bodyWriter = new BodyWriter();
  call.body?.(bodyWriter);
  const body = bodyWriter.finish();
  const fields: [code: number, type: string, value: string][] = [
    [field.path, 'o', call.path],
    [field.interface, 's', call.interface],
    [field.member, 's', call.member],
    [field.destination, 's', call.destination],
  ];
  if (call.signature) fields.push([field.signature, 'g', call.signature]);
  const header = new BodyWriter();
  for (const value of [0x6c, 1, 0, 1]) header.byte(value); // little-endian, METHOD_CALL, no flags, protocol 1
  header.uint32(body.length);
  header.uint32(serial);
  header.structures(fields.length, (index) => {
    const [code, type, value] = fields[index] as (typeof fields)[number];
    header.byte(code);
    header.signature(type);
    if (type === 'g') header.signature(value);
    else header.string(value);
  });
  header.align(8);
  return Buffer.concat([header.finish(), body]);
}

/**
 * How long the message is that begins here, in bytes.
 *
 * @param prefix at least PREFIX_BYTES
 * @throws RangeError where it is no message, or too large for one that is expected
 */
export function messageLength(prefix: Buffer): number {
  const isLittle = prefix[0] === 0x6c;
  if (!isLittle && prefix[0] !== 0x42) throw new RangeError('not a D-Bus message');
  const read = (at: number): number => (isLittle ? prefix.readUInt32LE(at) : prefix.readUInt32BE(at));
  const length = PREFIX_BYTES + Math.ceil(read(12) / 8) * 8 + read(4);
  if (length > MAX_MESSAGE) throw new RangeError('a D-Bus message that is too large');
  return length;
}

/**
 * @param message as long as messageLength says
 * @throws RangeError where it ends too soon
 */
export function decodeMessage(message: Buffer): Answer {
  const isLittle = message[0] === 0x6c;
  const header = new BodyReader(message, isLittle);
  header.byte();
  const type = header.byte();
  header.uint32();
  const bodyLength = isLittle ? message.readUInt32LE(4) : message.readUInt32BE(4);
  const answer = { type, replySerial: 0, errorName: undefined as string | undefined, signature: '' };
  // To the array of fields, behind the serial.
  header.uint32();
  header.structures(() => {
    const code = header.byte();
    const kind = header.signature();
    if (kind === 'u') {
      const value = header.uint32();
      if (code === field.replySerial) answer.replySerial = value;
      return;
    }
    const value = kind === 'g' ? header.signature() : header.string();
    if (code === field.errorName) answer.errorName = value;
    if (code === field.signature) answer.signature = value;
  });
  return { ...answer, body: new BodyReader(message.subarray(message.length - bodyLength), isLittle) };
}
