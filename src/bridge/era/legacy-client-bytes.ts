import { ByteText, type MessageText } from '../../byte-text.ts';

/**
 * Edits a message. One that came as bytes stays bytes: each is looked at as one character, which costs a tenth of
 * decoding and encoding them, and all that JSON is made of is ASCII.
 *
 * @param edit may put in nothing but ASCII, and only move or take out what else there is
 */
export function edited(text: MessageText, edit: (json: string) => string): MessageText {
  if (typeof text === 'string') return edit(text);
  const json = text.pieces.map((piece) => piece.toString('latin1')).join('');
  return new ByteText([Buffer.from(edit(json), 'latin1')]);
}

/** The same JSON in ASCII: other characters stand in texts only, and may be escaped there. */
export function asciiJson(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
