import { connect, type Socket } from 'node:net';
import { within } from './wait.ts';

export interface RawAnswer {
  status: number;
  /** Names as they were sent, in their order. */
  headers: [string, string][];
  body: string;
}

/** A connection to this machine that is destroyed with the test's server; errors of it are of no interest. */
export function openSocket(port: number, host = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => {});
  });
}

/** Sends a request as it stands, line by line, and reads the answer until the server closes the connection. */
export async function sendRaw(port: number, lines: string[], host?: string): Promise<RawAnswer> {
  const socket = await openSocket(port, host);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return readAnswer(socket);
}

export async function readAnswer(socket: Socket, ms = 15_000): Promise<RawAnswer> {
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  await within(
    new Promise((resolve) => socket.once('close', resolve)),
    ms,
    () => `no end of the answer: ${text}`,
  );
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [first = '', ...fields] = head.split('\r\n');
  return {
    status: Number(first.split(' ')[1] ?? Number.NaN),
    headers: fields.map((field) => field.split(/: (.*)/s).slice(0, 2) as [string, string]),
    body: rest.join('\r\n\r\n'),
  };
}
