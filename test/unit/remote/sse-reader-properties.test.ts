import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutAt, cuts } from '../helpers/byte-chunks.ts';
import { longStreams, readByStandard, readOurs, readWithLibrary, streams } from '../helpers/sse-streams.ts';

describe('any stream in any chunks [L-25]', () => {
  test('gives the events that eventsource-parser gives', () => {
    fc.assert(
      fc.property(streams, cuts, (stream, at) => {
        const ours = readOurs(cutAt(stream, at)).events.map(({ type, data }) => ({ type, data }));
        expect(ours).toEqual(readWithLibrary(stream));
      }),
      { numRuns: 500 },
    );
  });

  test('gives the events, ids and retries that the standard gives', () => {
    fc.assert(
      fc.property(streams, cuts, (stream, at) => {
        const { events, retries } = readOurs(cutAt(stream, at));
        const standard = readByStandard(stream);
        expect(events).toEqual(standard.events);
        expect(retries).toEqual(standard.retries);
      }),
      { numRuns: 500 },
    );
  });

  test('leaves the last event id that the standard leaves [L-37]', () => {
    fc.assert(
      fc.property(streams, cuts, (stream, at) => {
        expect(readOurs(cutAt(stream, at)).lastEventId).toBe(readByStandard(stream).lastEventId);
      }),
    );
  });

  test('gives the same, whatever the chunks', () => {
    fc.assert(
      fc.property(streams, cuts, (stream, at) => {
        expect(readOurs(cutAt(stream, at))).toEqual(readOurs([stream]));
      }),
    );
  });

  test('with a line that comes in many chunks gives the events and ids that the standard gives', () => {
    const place = fc.array(fc.nat(1_300_000), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(longStreams, place, cuts, (stream, far, near) => {
        // Cuts within the long line, and close to both of its ends.
        const places = [...far, ...near, ...near.map((at) => stream.length - (at % 60))];
        const { events } = readOurs(cutAt(stream, places), 10_000_000);
        expect(events).toEqual(readByStandard(stream).events);
      }),
      { numRuns: 60 },
    );
  });
});
