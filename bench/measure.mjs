// Measures one figure for all contestants. They take turns, so that a machine that becomes slower does so for all
// of them: within each repetition, and, where a measurement is a generator, at each of its `yield`s.

/** How long one step may take, in ms, before its bridge is taken for one that doesn't answer. */
export const PATIENCE = 15_000;
const SMOKE_PATIENCE = 5000;

async function* stepsOf(run) {
  const work = run();
  return work[Symbol.asyncIterator] ? yield* work : await work;
}

// Returns the function that does the next step and tells whether it was the last.
function begin(figure, contestant, context, record) {
  const opened = [];
  const open = (url, more) => {
    const client = contestant.open(url, more);
    opened.push(client);
    return client;
  };
  const steps = stepsOf(() => figure.measure({ ...contestant, open }, context));
  const patience = context.quick ? SMOKE_PATIENCE : PATIENCE;
  return async () => {
    const watchdog = setTimeout(() => {
      for (const client of opened) client.abort(`gave no answer within ${patience / 1000} s`);
    }, patience);
    try {
      const { done, value } = await steps.next();
      if (done) record.samples.push(value);
      return done;
    } catch (error) {
      record.failure = error.message;
      return true;
    } finally {
      clearTimeout(watchdog);
    }
  };
}

async function inTurns(attempts) {
  let unfinished = attempts;
  while (unfinished.length > 0) {
    const next = [];
    for (const step of unfinished) {
      if (!(await step())) next.push(step);
    }
    unfinished = next;
  }
}

/** For each contestant the samples of all rounds, or why there are none. */
export async function measureFigure(figure, contestants, context) {
  const measured = Object.fromEntries(contestants.map(({ name }) => [name, { samples: [] }]));
  const rounds = context.quick ? 1 : (context.runs ?? figure.runs);
  for (let round = 0; round < rounds; round += 1) {
    const attempts = contestants
      .map((_, index) => contestants[(index + round) % contestants.length])
      // One failure is enough to know: the others shouldn't wait for it again.
      .filter(({ name }) => !measured[name].failure)
      .map((contestant) => begin(figure, contestant, context, measured[contestant.name]));
    if (figure.together) await Promise.all(attempts.map((step) => inTurns([step])));
    else await inTurns(attempts);
  }
  return measured;
}
