import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { StdoutWriter } from '../../../src/bridge/stdout-writer.ts';
import { ByteText } from '../../../src/byte-text.ts';
import { within } from '../../support/wait.ts';
import { byteText } from '../helpers/byte-chunks.ts';

/** An output that keeps each write and takes the next only when `step` says so, as a pipe does that nobody reads. */
class SlowOutput extends Writable {
  readonly writes: string[] = [];
  readonly #held: (() => void)[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk.toString());
    this.#held.push(done);
  }

  /** A pipe that is closed lets go of the write that was under way. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    for (const held of this.#held.splice(0)) held();
    done(error);
  }

  get text(): string {
    return this.writes.join('');
  }

  step(): void {
    this.#held.shift()?.();
  }

  /** Takes everything, now and from now on. */
  flow(): void {
    const step = (): void => {
      while (this.#held.length > 0) this.step();
    };
    step();
    this.#held.push = (done) => {
      setImmediate(done);
      return 0;
    };
  }
}

/** An output that takes whatever comes at once. */
class FastOutput extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  get writes(): string[] {
    return this.#chunks.map(String);
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const never = () => {
  throw new Error('not expected to break');
};

describe('writing', () => {
  test('what comes in one turn of the event loop goes out in one write', async () => {
    const output = new FastOutput();
    const writer = new StdoutWriter(output, never);
    for (const text of ['1', '2', '3']) writer.write(text);
    expect(output.writes).toEqual([]);
    await turn();
    expect(output.writes).toEqual(['1\n2\n3\n']);
    writer.write('4');
    await turn();
    expect(output.writes).toEqual(['1\n2\n3\n', '4\n']);
  });

  test('text and bytes keep their order, each on its line [L-30, 78]', async () => {
    const output = new FastOutput();
    const writer = new StdoutWriter(output, never);
    writer.write('1');
    writer.write(byteText('2'));
    writer.write('3');
    writer.write(byteText('é'));
    await turn();
    expect(output.text).toBe('1\n2\n3\né\n');
  });

  test('bytes in pieces are one line', async () => {
    const output = new FastOutput();
    const writer = new StdoutWriter(output, never);
    writer.write(byteText('{"a":"é"}', [1, 7, 7]));
    await turn();
    expect(output.text).toBe('{"a":"é"}\n');
  });

  test('much text does not wait for the end of the turn, and stays in order', async () => {
    const output = new FastOutput();
    const writer = new StdoutWriter(output, never);
    const large = 'x'.repeat(300_000);
    writer.write('1');
    writer.write(large);
    expect(output.writes).toEqual([`1\n${large}\n`]);
    writer.write('2');
    await turn();
    expect(output.writes.at(-1)).toBe('2\n');
  });
});

describe('back-pressure [80]', () => {
  test('a client that does not read blocks after a megabyte, and is waited for', async () => {
    const output = new SlowOutput();
    const writer = new StdoutWriter(output, never);
    const line = 'x'.repeat(64 * 1024 - 1);
    let written = 0;
    for (; !writer.blocked; written++) {
      expect(written).toBeLessThan(64);
      writer.write(line);
      await turn();
    }
    expect(written).toBeGreaterThanOrEqual(15);
    let resumed = 0;
    writer.whenReady(() => resumed++);
    writer.whenReady(() => resumed++);
    await turn();
    expect(resumed).toBe(0);

    output.flow();
    await within(writer.end(5000), 2000, () => 'end() did not resolve');
    await turn();
    expect([resumed, writer.blocked]).toEqual([2, false]);
    expect(output.text).toBe(`${line}\n`.repeat(written));
  });

  test('what still waits in this turn counts as well', () => {
    const output = new SlowOutput({ highWaterMark: 1024 });
    const writer = new StdoutWriter(output, never);
    writer.write(new ByteText([Buffer.alloc(900 * 1024, 'x')]));
    expect(writer.blocked).toBe(false);
    writer.write('x'.repeat(200 * 1024));
    expect(writer.blocked).toBe(true);
  });

  test('a waiting reader is called once, not at every later relief', async () => {
    const output = new SlowOutput();
    const writer = new StdoutWriter(output, never);
    writer.write(new ByteText([Buffer.alloc(2 * 1024 * 1024)]));
    let resumed = 0;
    writer.whenReady(() => resumed++);
    output.flow();
    await turn();
    await turn();
    writer.write(new ByteText([Buffer.alloc(100_000)]));
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(resumed).toBe(1);
  });
});

describe('the end', () => {
  test('waits for everything that was written, much or little', async () => {
    for (const size of [10, 100_000]) {
      const output = new SlowOutput();
      const writer = new StdoutWriter(output, never);
      writer.write('x'.repeat(size));
      let ended = false;
      const end = writer.end(1000).then(() => {
        ended = true;
      });
      await turn();
      expect(ended).toBe(false);
      output.flow();
      await within(end, 500, () => `end() did not resolve after a write of ${size} bytes was done`);
      expect(output.text).toBe(`${'x'.repeat(size)}\n`);
    }
  });

  test('resolves at once when nothing is left', async () => {
    const writer = new StdoutWriter(new FastOutput(), never);
    await within(writer.end(1000), 100, () => 'end() did not resolve');
    writer.write('x');
    await turn();
    await within(writer.end(1000), 100, () => 'end() did not resolve');
  });

  test('gives up on a client that does not read, in bounded time [L-08, 80]', async () => {
    const writer = new StdoutWriter(new SlowOutput(), never);
    writer.write('x'.repeat(100_000));
    const before = performance.now();
    await within(writer.end(50), 500, () => 'end() did not resolve');
    expect(performance.now() - before).toBeGreaterThan(45);
  });

  test('resolves when the client goes while it waits', async () => {
    const output = new SlowOutput();
    const writer = new StdoutWriter(output, () => {});
    writer.write('x'.repeat(100_000));
    const end = writer.end(1000);
    output.destroy();
    await within(end, 500, () => 'end() did not resolve');
  });
});

describe('a broken pipe [80]', () => {
  test.each([
    [
      'an error',
      (output: Writable) => output.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    ],
    ['a close', (output: Writable) => output.destroy()],
  ])('%s is told once; nobody waits any more, nothing is written', async (_, breakIt) => {
    const output = new SlowOutput();
    let broken = 0;
    const writer = new StdoutWriter(output, () => broken++);
    writer.write(new ByteText([Buffer.alloc(2 * 1024 * 1024)]));
    expect(writer.blocked).toBe(true);
    let resumed = 0;
    writer.whenReady(() => resumed++);
    breakIt(output);
    await turn();
    await turn();
    expect([broken, resumed, writer.blocked]).toEqual([1, 1, false]);
    const { length } = output.writes;
    writer.write('x');
    writer.write(byteText('x'));
    await turn();
    expect(output.writes).toHaveLength(length);
    await within(writer.end(1000), 100, () => 'end() did not resolve');
    expect(broken).toBe(1);
  });
});
