import fc from 'fast-check';
import { expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { startRandomRemote, treatmentNames } from '../support/random-remote.ts';
import { within } from '../support/wait.ts';

/** `PROPERTY_SEED` and `PROPERTY_RUNS` give another sequence, or a longer one. */
const seed = Number(process.env.PROPERTY_SEED ?? 20_251_120);
const numRuns = Number(process.env.PROPERTY_RUNS ?? 8);

/** Seconds in which every request must have its answer, with --request-timeout 2 and at most one busy second. */
const bound = 20;

const request = fc.record({
  method: fc.constantFrom('tools/call', 'resources/list', 'x/other'),
  treatment: fc.constantFrom(...treatmentNames),
  pause: fc.constantFrom(0, 0, 0, 20, 100),
});

test(`whatever the remote does, each request gets exactly one answer in bounded time [87, B-89] (seed ${seed})`, {
  timeout: numRuns * 40_000,
}, async () => {
  const property = fc.asyncProperty(fc.array(request, { minLength: 20, maxLength: 40 }), async (requests) => {
    const { remote, ranTwice } = await startRandomRemote();
    const bridge = startBridge(remote.url, { args: ['--request-timeout', '2'] });
    await bridge.initialize({ capabilities: { sampling: {} } });
    const open = new Map<number, string>();
    const answers = requests.map(async ({ method, treatment, pause }, index) => {
      await new Promise((resolve) => setTimeout(resolve, pause));
      open.set(index, `${method} ${treatment}`);
      await bridge.request(method, { treatment, name: 'echo' }, bound * 1000);
      open.delete(index);
    });
    const unanswered = () => `not answered within ${bound} s: ${[...open.values()].join(', ')}`;
    await within(Promise.all(answers), bound * 1000 - 500, unanswered);
    expect(ranTwice(), 'tool calls sent again after they may have run').toEqual([]);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    await bridge.close(); // checks that stdout is valid and that nothing was answered twice
  });
  await fc.assert(property, { seed, numRuns, endOnFailure: true });
});
