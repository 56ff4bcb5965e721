import { setTimeout as delay } from 'node:timers/promises';
import { resultOf, sseEvent } from './fake-answers.ts';
import type { Exchange } from './fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from './fake-remote.ts';

interface Treatment {
  /** Whether the remote may have done what was asked, so that a tool call must not come a second time. */
  ran: boolean;
  treat: (exchange: Exchange) => unknown;
}

const answer = ({ id }: Exchange) => resultOf(id, { of: id });
const notice = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } };
const text = { 'Content-Type': 'text/plain' };
const ran = (treat: Treatment['treat']): Treatment => ({ ran: true, treat });
const refused = (treat: Treatment['treat']): Treatment => ({ ran: false, treat });

/** What a remote may do to a request, from the usual to the absurd. */
const treatments = {
  'answers by JSON': ran((x) => x.json(200, answer(x))),
  'answers by event': ran((x) => x.sse().send(notice).send(answer(x), { id: 'e' }).end()),
  'answers late': ran((x) => delay(1200).then(() => x.json(200, answer(x)))),
  'answers late by event': ran((x) => {
    const stream = x.sse().send(notice);
    return delay(1200).then(() => stream.send(answer(x)).end());
  }),
  'answers twice': ran((x) => x.sse().send(answer(x)).send(answer(x)).end()),
  'answers twice, with a pause': ran((x) => {
    const stream = x.sse().send(answer(x));
    return delay(300).then(() => stream.send(answer(x)).end());
  }),
  'answers and keeps the stream open': ran((x) => x.sse().send(answer(x))),
  'answers with an error': ran((x) => x.error(-32000, 'no')),
  'answers in an array': ran((x) => x.json(200, [answer(x)])),
  'asks first': ran((x) => {
    const stream = x.sse().send({ jsonrpc: '2.0', id: 's1', method: 'sampling/createMessage', params: {} });
    return delay(100).then(() => stream.send(answer(x)).end());
  }),
  'never answers': ran((x) => x.hang()),
  'opens a stream and never answers': ran((x) => x.sse().send(notice)),
  'stalls in the middle of JSON': ran((x) => {
    x.response.writeHead(200, { 'Content-Type': 'application/json' }).write('{"jsonrpc":');
  }),
  resets: ran((x) => x.reset()),
  'closes without a word': ran((x) => x.drop()),
  'speaks no HTTP': ran((x) => x.drip(['hello\r\n\r\n'], 10).then(() => x.drop())),
  'sends garbage': ran((x) => x.json(200, '{"jsonrpc": "2.0", "id"')),
  'sends HTML': ran((x) => x.body(200, '<html></html>', { 'Content-Type': 'text/html' })),
  'sends nothing': ran((x) => x.json(200, '')),
  'takes it for a notification': ran((x) => x.status(202)),
  'answers somebody else': ran((x) => x.json(200, resultOf('somebody-else', {}))),
  'answers somebody else by event': ran((x) => x.sse().send(resultOf(4711, {})).end()),
  'ends the stream': ran((x) => x.sse().send(notice).end()),
  'cuts the stream': ran((x) => x.sse().send(notice).drop()),
  'cuts the stream inside the answer': ran((x) =>
    x
      .sse()
      .raw(sseEvent(answer(x)).slice(0, 25))
      .drop(),
  ),
  'ends the stream after an id, answers on resuming': ran((x) => x.sse().send('', resumable(x, 'ok')).end()),
  'cuts the stream after an id, answers on resuming': ran((x) => x.sse().send('', resumable(x, 'ok')).drop()),
  'ends the stream after an id, forgets it': ran((x) => x.sse().send('', resumable(x, 'gone')).end()),
  'is polled three times': ran((x) => x.sse().send('', resumable(x, 'empty')).end()),
  'sends broken events': ran((x) => x.sse().send('{broken').send('[]').raw('data\n\n').send(answer(x)).end()),
  'fails with 500': ran((x) => x.body(500, 'oops', text)),
  'fails with 502': ran((x) => x.body(502, 'oops', text)),
  'refuses with 400': refused((x) => x.body(400, 'no', text)),
  'refuses with 401': refused((x) => x.status(401, { 'WWW-Authenticate': 'Bearer' })),
  'refuses with 403': refused((x) => x.status(403)),
  'refuses with 405': refused((x) => x.status(405)),
  'has lost the session': refused((x) => x.status(404)),
  'is busy for a second': refused((x) => x.status(429, { 'Retry-After': '1' })),
  'is busy for an hour': refused((x) => x.status(503, { 'Retry-After': '3600' })),
  'sends elsewhere on the same origin': refused((x) => x.redirect(307, '/mcp')),
  'sends to another origin': refused((x) => x.redirect(307, 'https://elsewhere.invalid/mcp')),
} satisfies Record<string, Treatment>;

export type TreatmentName = keyof typeof treatments;
export const treatmentNames = Object.keys(treatments) as TreatmentName[];

function resumable({ id }: Exchange, how: string): { id: string; retry: number } {
  return { id: `${how}:${JSON.stringify(id)}`, retry: 500 };
}

export interface RandomRemote {
  remote: FakeRemote;
  /** The tool calls that reached the remote again after it may have run them. */
  ranTwice: () => string[];
}

/** A remote that treats each request as its params say, and in the usual way when it comes a second time. */
export async function startRandomRemote(): Promise<RandomRemote> {
  const remote = await startFakeRemote({ session: true });
  const times = new Map<string, { name: TreatmentName; method: string; count: number }>();
  const polls = new Map<string, number>();
  const handle = (exchange: Exchange) => {
    const { method = '', params } = exchange.request.message ?? {};
    const name = params?.treatment as TreatmentName;
    const key = JSON.stringify(exchange.id);
    const seen = times.get(key) ?? { name, method, count: 0 };
    seen.count += 1;
    times.set(key, seen);
    if (seen.count > 1) exchange.json(200, answer(exchange));
    else void treatments[name].treat(exchange);
  };
  remote.on('tools/call', handle).on('resources/list', handle).on('x/other', handle);
  remote.on('GET', (exchange) => {
    const cursor = exchange.request.headers['last-event-id'] as string | undefined;
    if (cursor === undefined) return void exchange.sse();
    const colon = cursor.indexOf(':');
    const how = cursor.slice(0, colon);
    const id: unknown = JSON.parse(cursor.slice(colon + 1));
    const count = (polls.get(cursor) ?? 0) + 1;
    polls.set(cursor, count);
    if (how === 'gone') return exchange.status(404);
    const stream = exchange.sse();
    if (how === 'ok' || count === 3) stream.send(resultOf(id, { of: id }));
    stream.end();
  });
  const ranTwice = () =>
    [...times.values()]
      .filter(({ name, method, count }) => treatments[name].ran && method === 'tools/call' && count > 1)
      .map(({ name }) => name);
  return { remote, ranTwice };
}
