import { type ByteText, LARGE_MESSAGE, type MessageText } from '../byte-text.ts';
import { findElements, type Span, toOneLine } from '../json-text.ts';
import { classify } from '../jsonrpc.ts';
import { parseLargeJson } from '../large-json.ts';
import type { OutgoingRequest, RemoteSink } from './transport.ts';

/**
 * Hands the messages in a piece of JSON to the sink: one, or those of a JSON-RPC batch, which servers of the revision
 * 2025-03-26 may send.
 *
 * @returns false where it is no JSON; what is JSON and no message is told to the sink as invalid
 */
export function deliver(json: MessageText, sink: RemoteSink, origin?: OutgoingRequest): boolean {
  const isLarge = typeof json !== 'string' && json.length >= LARGE_MESSAGE && json.isUtf8();
  // What is not valid UTF-8 is mended as a browser would, by replacement characters.
  const message = isLarge ? json : json.toString().replace(/^\ufeff/, '');
  let value: unknown;
  try {
    value = typeof message === 'string' ? JSON.parse(message) : parseLargeJson(message);
  } catch {
    return false;
  }
  if (Array.isArray(value)) {
    deliverBatch(message.toString(), sink, origin);
  } else {
    const text = typeof message === 'string' ? toOneLine(message) : bytesOnOneLine(message);
    sink.receive(text, classify(value), origin);
  }
  return true;
}

function deliverBatch(text: string, sink: RemoteSink, origin?: OutgoingRequest): void {
  const values = JSON.parse(text) as unknown[];
  const spans = findElements(text);
  values.forEach((value, index) => {
    const { start, end } = spans[index] as Span;
    sink.receive(toOneLine(text.slice(start, end)), classify(value), origin);
  });
}

/** Line breaks in valid JSON are white space between tokens: each is overwritten by a blank, in place. */
function bytesOnOneLine(json: ByteText): ByteText {
  for (const piece of json.pieces) {
    for (const lineBreak of [10, 13]) {
      for (let at = piece.indexOf(lineBreak); at !== -1; at = piece.indexOf(lineBreak, at + 1))
        piece[at] = 0x20;
    }
  }
  return json;
}
