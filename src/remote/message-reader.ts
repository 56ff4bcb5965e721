import { isUtf8 } from 'node:buffer';
import { findElements, type Span, toOneLine } from '../json-text.ts';
import { classify } from '../jsonrpc.ts';
import type { OutgoingRequest, RemoteSink } from './transport.ts';

/** Above this size a message is passed on as the bytes that came; below, text is cheaper to gather and write. */
const KEEP_BYTES_FROM = 64 * 1024;

/**
 * Hands the messages in a piece of JSON text to the sink: one, or those of a JSON-RPC batch, which servers of the
 * revision 2025-03-26 may send.
 *
 * @returns false where it is no JSON; what is JSON and no message is passed over
 */
export function deliver(json: string | Buffer, sink: RemoteSink, origin?: OutgoingRequest): boolean {
  const text = typeof json === 'string' ? json : json.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  if (Array.isArray(value)) {
    const spans = findElements(text);
    value.forEach((element, index) => {
      const { start, end } = spans[index] as Span;
      sink.receive(toOneLine(text.slice(start, end)), classify(element), origin);
    });
    return true;
  }
  const asBytes = typeof json !== 'string' && json.length >= KEEP_BYTES_FROM && isUtf8(json);
  sink.receive(asBytes ? bytesOnOneLine(json) : toOneLine(text), classify(value), origin);
  return true;
}

/** Line breaks in valid JSON are white space between tokens: each is overwritten by a blank, in place. */
function bytesOnOneLine(json: Buffer): Buffer {
  for (const lineBreak of [10, 13]) {
    for (let at = json.indexOf(lineBreak); at !== -1; at = json.indexOf(lineBreak, at + 1)) json[at] = 0x20;
  }
  return json;
}
