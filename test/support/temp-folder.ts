import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new empty folder, private to this user. The caller removes it. */
export function makeTempFolder(): string {
  return mkdtempSync(join(tmpdir(), 'drawbridge-test-'));
}

/** A new empty folder that is removed when the running test ends. */
export function tempFolder(): string {
  const folder = makeTempFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
