import { asDrawbridgeError } from '../../errors.ts';
import type { Examination } from './examination.ts';
import { failedBy, type Step, type StepResult, skip } from './step.ts';

/**
 * Runs steps in their order. A step whose needs were not met is skipped with the reason for that; one that breaks has
 * failed for the reason that it threw.
 *
 * @param onResult hears of each result as it comes
 */
export async function runSteps(
  steps: readonly Step[],
  examination: Examination,
  onResult: (result: StepResult) => void,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    examination.signal.throwIfAborted();
    const { id, title } = step;
    const blocked = blockedBy(step, results);
    const finding =
      blocked === undefined
        ? await Promise.resolve()
            .then(() => step.run(examination))
            .catch((error: unknown) => failedBy(asDrawbridgeError(error)))
        : skip(blocked);
    const result = { id, title, ...finding };
    results.push(result);
    onResult(result);
  }
  return results;
}

/** Why a step tells nothing; undefined where it does. What was skipped for a reason hands that on. */
function blockedBy({ needs }: Step, results: readonly StepResult[]): string | undefined {
  for (const need of needs) {
    const result = results.find(({ id }) => id === need);
    if (result?.status === 'fail') return `because “${result.title}” has failed`;
    if (result?.status === 'skip') return result.text;
  }
  return undefined;
}
