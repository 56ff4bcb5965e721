import { expect } from 'vitest';
import type { Environment } from './bridge-command.ts';
import { runCommand } from './run-command.ts';
import { findSecrets } from './signed-in.ts';

interface ReportedStep {
  id: string;
  title: string;
  status: 'ok' | 'warn' | 'fail' | 'skip';
  text: string;
  reason?: string;
  fix?: string;
  facts?: Record<string, unknown>;
}

interface DoctorOptions {
  args?: string[];
  env?: Environment;
  /** What must not be printed. */
  secrets?: string[];
}

/** What `doctor --json` has found. */
export interface DoctorReport {
  code: number | null;
  steps: ReportedStep[];
  /** The step with this id. */
  step(id: string): ReportedStep;
  /** The ids of the steps that ended so. */
  those(status: ReportedStep['status']): string[];
  /** The fix that is named first. */
  fix: string | undefined;
}

/** Runs `doctor --json`, and checks what holds of every report. */
export async function runDoctor(
  url: string,
  { args = [], env = {}, secrets = [] }: DoctorOptions = {},
): Promise<DoctorReport> {
  const { code, stdout, stderr } = await runCommand(['doctor', url, '--json', ...args], env, 40_000);
  expect(stdout, stderr).toMatch(/^\{/);
  const report = JSON.parse(stdout);
  const steps: ReportedStep[] = report.steps;
  expect(report.exitCode).toBe(code);
  expect(report.ok).toBe(code === 0);
  expect(stdout).not.toMatch(/[?&](key|token|code)=/);
  const { search } = new URL(url);
  if (search !== '') expect(stdout + stderr).not.toContain(search);
  for (const { status, text, reason, fix } of steps) {
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
    if (status === 'fail') expect(reason, text).toMatch(/^[a-z-]+$/);
    if (status === 'ok' || status === 'skip') expect(fix).toBeUndefined();
  }
  if (secrets.length > 0) expect(findSecrets(secrets, '', stdout, stderr)).toEqual([]);
  return {
    code,
    steps,
    fix: report.fix,
    step: (id) => steps.find((each) => each.id === id) ?? expect.fail(`no step ${id}`),
    those: (status) => steps.filter((each) => each.status === status).map(({ id }) => id),
  };
}
