import { defineConfig } from 'vitest/config';

/** Seconds that one test of each project may take; whatever hangs is a failure, never a wait without end. */
const projects = { unit: 10, integration: 45, process: 45, keychain: 60, browser: 60, conformance: 120 };

export default defineConfig({
  test: {
    pool: 'forks',
    // Most of these tests start processes and then wait for something: two cores serve twice as many of them.
    maxWorkers: 4,
    passWithNoTests: true,
    projects: Object.entries(projects).map(([name, seconds]) => ({
      extends: true as const,
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: seconds * 1000,
        hookTimeout: 30_000,
      },
    })),
  },
});
