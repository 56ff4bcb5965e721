import { describe, expect, test } from 'vitest';
import type { PendingRequest } from '../../../src/bridge/pending-requests.ts';
import { PendingRequest as Request } from '../../../src/bridge/pending-requests.ts';
import { RequestQueue } from '../../../src/bridge/request-queue.ts';
import { ByteText } from '../../../src/byte-text.ts';
import { ask } from '../helpers/pending.ts';

const MAX_RUNNING = 256;
const MAX_WAITING = 4096;

function makeQueue() {
  const started: PendingRequest[] = [];
  const finish: (() => void)[] = [];
  const queue = new RequestQueue((request) => {
    started.push(request);
    return new Promise((resolve) => finish.push(resolve));
  });
  const push = (count: number): void => {
    for (let n = 0; n < count; n++) queue.push(ask('x', { id: started.length + n }).request);
  };
  const finishOne = async (): Promise<void> => {
    finish.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, started, push, finishOne };
}

describe('how many run at a time [99]', () => {
  test('at most 256, the rest follow in their order as room is made', async () => {
    const { queue, started, finishOne } = makeQueue();
    for (let id = 0; id < MAX_RUNNING + 10; id++) queue.push(ask('x', { id }).request);
    expect(started).toHaveLength(MAX_RUNNING);
    for (let n = 0; n < 10; n++) await finishOne();
    expect(started.map(({ id }) => id)).toEqual(Array.from({ length: MAX_RUNNING + 10 }, (_, id) => id));
    for (let n = 0; n < MAX_RUNNING; n++) await finishOne();
    queue.push(ask('x', { id: 'last' }).request);
    expect(started.at(-1)?.id).toBe('last');
  });

  test('the first starts without losing a turn', () => {
    const { queue, started } = makeQueue();
    queue.push(ask('x').request);
    expect(started).toHaveLength(1);
  });
});

describe('how much runs at a time [80, 99]', () => {
  const large = (id: number, mebibytes: number) =>
    new Request(
      { id, method: 'x', body: new ByteText([Buffer.alloc(mebibytes * 1024 * 1024)]) },
      undefined,
      () => {},
    );

  test('at most 64 MiB of requests, in their order', async () => {
    const { queue, started, finishOne } = makeQueue();
    for (let id = 0; id < 5; id++) queue.push(large(id, 20));
    queue.push(ask('x', { id: 5 }).request);
    expect(started.map(({ id }) => id)).toEqual([0, 1, 2]);
    await finishOne();
    expect(started.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
    await finishOne();
    expect(started.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('one that is larger than all that may run runs alone', async () => {
    const { queue, started, finishOne } = makeQueue();
    queue.push(ask('x', { id: 0 }).request);
    queue.push(large(1, 100));
    queue.push(ask('x', { id: 2 }).request);
    expect(started.map(({ id }) => id)).toEqual([0]);
    await finishOne();
    expect(started.map(({ id }) => id)).toEqual([0, 1]);
    await finishOne();
    expect(started.map(({ id }) => id)).toEqual([0, 1, 2]);
  });
});

describe('how many wait [80]', () => {
  test('it is full at 4,096 waiting, and calls back once when there is room', async () => {
    const { queue, push, finishOne } = makeQueue();
    push(MAX_RUNNING + MAX_WAITING - 1);
    expect(queue.isFull).toBe(false);
    push(1);
    expect(queue.isFull).toBe(true);
    let called = 0;
    queue.whenRoom(() => {
      called++;
      expect(queue.isFull).toBe(false);
    });
    expect(called).toBe(0);
    await finishOne();
    await finishOne();
    expect(called).toBe(1);
  });

  test('it is full at 64 MiB waiting, whatever their number', async () => {
    const { queue, push, finishOne } = makeQueue();
    push(MAX_RUNNING);
    const large = () =>
      new Request(
        { id: 'large', method: 'x', body: new ByteText([Buffer.alloc(20 * 1024 * 1024)]) },
        undefined,
        () => {},
      );
    for (let n = 0; n < 3; n++) queue.push(large());
    expect(queue.isFull).toBe(false);
    queue.push(large());
    expect(queue.isFull).toBe(true);
    let called = 0;
    queue.whenRoom(() => called++);
    await finishOne();
    expect([called, queue.isFull]).toEqual([1, false]);
  });

  test('far past the bounds it is overfull: a client that waits for nothing is refused [80]', () => {
    const { queue, push } = makeQueue();
    push(MAX_RUNNING + 4 * MAX_WAITING - 1);
    expect(queue.isOverfull).toBe(false);
    push(1);
    expect(queue.isOverfull).toBe(true);
  });
});
