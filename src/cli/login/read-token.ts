import type { ReadStream } from 'node:tty';
import { DrawbridgeError } from '../../errors.ts';
import { untilAborted } from '../../platform/until-aborted.ts';

/** As large as any token that is taken from an authorization server, in characters. */
const MAX_TOKEN = 16 * 1024;

type Input = NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;

/**
 * Reads a personal access token from stdin: one line, which a terminal does not show.
 *
 * @param ask says what is wanted, on a terminal only
 * @param onInterrupt is called at Ctrl-C, which a terminal that shows nothing makes no signal of
 * @param signal ends the waiting, with its reason
 * @param limit how long it may take, in milliseconds
 * @throws DrawbridgeError `usage` where there is none, or it can't be one
 */
export async function readToken(
  input: Input,
  ask: (text: string) => void,
  onInterrupt: () => void,
  signal: AbortSignal,
  limit: number,
): Promise<string> {
  const isTerminal = input.isTTY === true && input.setRawMode !== undefined;
  if (isTerminal) {
    input.setRawMode?.(true);
    ask('Paste the token and press Enter; it is not shown: ');
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new DrawbridgeError('sign-in-timeout', `No token came on stdin within ${limit / 1000} s.`);
    timer = setTimeout(() => reject(error), limit);
  });
  try {
    const line = readLine(input, isTerminal, onInterrupt);
    return checkToken(await untilAborted(Promise.race([line, late]), signal));
  } finally {
    clearTimeout(timer);
    if (isTerminal) {
      input.setRawMode?.(false);
      ask('\n');
    }
    input.pause();
  }
}

/** A line, without what ends it; what a raw terminal sends for its keys is done here. */
function readLine(input: Input, isTerminal: boolean, onInterrupt: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: string): void => {
      text += chunk;
      if (isTerminal) {
        if (text.includes('\u0003')) {
          text = '';
          return onInterrupt();
        }
        // Ctrl-U, then the backspaces, each with what it takes away.
        text = text.replace(/^.*\u0015/s, '');
        while (/[\u0008\u007f]/.test(text)) text = text.replace(/.?[\u0008\u007f]/, '');
      }
      const end = text.search(isTerminal ? /[\r\n\u0004]/ : /\r?\n/);
      const length = end < 0 ? text.length : end;
      if (length > 2 * MAX_TOKEN) return finish(() => reject(unfit('is longer than 16 KiB')));
      if (end < 0) return;
      if (text.slice(end).trim() !== '' && !isTerminal)
        return finish(() => reject(unfit('has more than one line')));
      finish(() => resolve(text.slice(0, end)));
    };
    const onEnd = (): void => finish(() => resolve(text));
    const finish = (settle: () => void): void => {
      input.off('data', onData);
      input.off('end', onEnd);
      input.off('error', onEnd);
      settle();
    };
    input.setEncoding('utf8');
    input.on('data', onData);
    input.on('end', onEnd);
    input.on('error', onEnd);
  });
}

function checkToken(line: string): string {
  const token = line.trim().replace(/^bearer +/i, '');
  if (token === '')
    throw new DrawbridgeError('usage', 'There was no token on stdin; --with-token reads one line from it.');
  // RFC 6750 section 2.1, and more: what else fits into a header.
  if (!/^[\x21-\x7e]+$/.test(token)) throw unfit('holds a character that is not visible ASCII');
  if (token.length > MAX_TOKEN) throw unfit('is longer than 16 KiB');
  return token;
}

function unfit(why: string): DrawbridgeError {
  return new DrawbridgeError('usage', `What came on stdin ${why}, so it is no token; nothing was stored.`);
}
