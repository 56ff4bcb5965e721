/** More changes than this make another word of it. */
const MAX_DISTANCE = 3;

/** The word that was perhaps meant; undefined where none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = MAX_DISTANCE + 1;
  for (const candidate of known) {
    const changes = distance(word.toLowerCase(), candidate);
    const isAlike = changes < Math.max(word.length, candidate.length) * 0.5;
    if (isAlike && changes < least) [best, least] = [candidate, changes];
  }
  return best;
}

/** Characters to insert, delete, replace, or swap with their neighbour (optimal string alignment). */
function distance(one: string, other: string): number {
  let [before, previous]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const cost = one[i - 1] === other[j - 1] ? 0 : 1;
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      row[j] = Math.min(
        (previous[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (previous[j - 1] as number) + cost,
        isSwapped ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, previous] = [previous, row];
  }
  return previous[other.length] as number;
}
