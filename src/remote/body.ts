import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { addPiece, ByteText } from '../byte-text.ts';
import { DrawbridgeError } from '../errors.ts';

/** Tells a reader of the network when the local client does not keep up with what was read. */
export interface FlowControl {
  readonly blocked: boolean;
  /** Calls back once, when there is room again. */
  whenReady(resume: () => void): void;
}

/** So much of an error answer is read; its start is all that is ever shown. */
const MAX_ERROR_BODY = 1024 * 1024;
const MAX_RATIO = 100;
/** Up to this size any ratio is harmless. */
const RATIO_FREE_BYTES = 1024 * 1024;

/**
 * The body of an answer with its content coding undone. The bridge asks for none, but some servers code all the same.
 *
 * @throws DrawbridgeError `invalid-answer` for more than one coding, or one that is not known
 */
export async function decodedBody(response: IncomingMessage): Promise<Readable> {
  const coding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (coding === 'identity' || coding === '') return response;
  const zlib = await import('node:zlib');
  const decoders: Record<string, () => Readable & NodeJS.WritableStream> = {
    gzip: () => zlib.createGunzip(),
    'x-gzip': () => zlib.createGunzip(),
    deflate: () => zlib.createInflate(),
    br: () => zlib.createBrotliDecompress(),
  };
  const createDecoder = Object.hasOwn(decoders, coding) ? decoders[coding] : undefined;
  if (!createDecoder) {
    throw new DrawbridgeError(
      'invalid-answer',
      `The server's answer has a content coding that was not asked for.`,
    );
  }
  const decoder = createDecoder();
  let coded = 0;
  let decoded = 0;
  response.on('data', (chunk: Buffer) => {
    coded += chunk.length;
  });
  decoder.on('data', (chunk: Buffer) => {
    decoded += chunk.length;
    if (decoded > RATIO_FREE_BYTES && decoded > coded * MAX_RATIO) {
      decoder.destroy(
        new DrawbridgeError('too-large', "The server's answer unpacks to over a hundred times its size."),
      );
    }
  });
  if (response.destroyed) decoder.destroy(response.errored ?? new Error('closed'));
  response.on('error', (error) => decoder.destroy(error));
  decoder.on('close', () => response.destroy());
  response.pipe(decoder);
  return decoder;
}

/**
 * Hands the chunks of a body on as they come, no faster than the local client takes what becomes of them.
 * There is no idle limit: a stream may be silent for hours.
 *
 * @param onChunk may throw, which ends the reading
 * @returns resolves at a clean end; rejects with what `onChunk` threw, or with the network's error
 */
export function readChunks(
  body: Readable,
  flow: FlowControl,
  onChunk: (chunk: Buffer) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    body.on('error', reject);
    // It may have broken while something else was awaited.
    if (body.errored || body.destroyed) return reject(body.errored ?? new Error('closed'));
    body.on('data', (chunk: Buffer) => {
      try {
        onChunk(chunk);
      } catch (error) {
        body.destroy();
        reject(error);
        return;
      }
      if (flow.blocked) {
        body.pause();
        flow.whenReady(() => body.resume());
      }
    });
    body.on('end', resolve);
    body.on('close', () => {
      if (!body.readableEnded) reject(new Error('closed'));
    });
  });
}

/**
 * Reads a whole body.
 *
 * @param limit bytes
 * @throws DrawbridgeError `too-large`
 */
export async function readBody(
  body: Readable,
  limit: number,
  flow: FlowControl,
  onProgress?: () => void,
): Promise<ByteText> {
  const chunks: Buffer[] = [];
  let size = 0;
  await readChunks(body, flow, (chunk) => {
    size += chunk.length;
    if (size > limit) {
      throw new DrawbridgeError(
        'too-large',
        `The server's answer is larger than ${limit / 1024 / 1024} MiB (--max-message-size).`,
      );
    }
    addPiece(chunks, chunk);
    onProgress?.();
  });
  return new ByteText(chunks);
}

/** The body of an error answer as text; empty where it is too long or does not arrive. */
export async function readStart(response: IncomingMessage, flow: FlowControl): Promise<string> {
  try {
    return (await readBody(await decodedBody(response), MAX_ERROR_BODY, flow)).toString();
  } catch {
    response.destroy();
    return '';
  }
}
