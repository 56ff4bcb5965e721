/** So many step-ups in an hour; a server that always wants more gets no further [26]. */
const MAX_STEP_UPS = 2;
const HOUR = 3_600_000;
/** A scope that was refused is not asked for again for so long, in milliseconds. */
const REFUSED_FOR = 600_000;

/** Bounds how often the user is asked for more scopes (MCP 2025-11-25, Step-Up Authorization Flow). */
export class StepUps {
  #tries: number[] = [];
  readonly #refused = new Map<string, number>();

  /** Whether the user may be asked for this scope now; counts as a try where so. */
  mayTry(scope: string, now = performance.now()): boolean {
    this.#tries = this.#tries.filter((at) => now - at < HOUR);
    const refusedAt = this.#refused.get(scope);
    if (refusedAt !== undefined && now - refusedAt < REFUSED_FOR) return false;
    if (this.#tries.length >= MAX_STEP_UPS) return false;
    this.#tries.push(now);
    return true;
  }

  refuse(scope: string, now = performance.now()): void {
    this.#refused.set(scope, now);
  }
}
