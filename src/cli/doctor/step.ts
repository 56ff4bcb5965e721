import { type DrawbridgeError, isReason, type Reason } from '../../errors.ts';
import type { JsonValue } from '../../jsonrpc.ts';
import type { Examination } from './examination.ts';

export type Status = 'ok' | 'warn' | 'fail' | 'skip';

/** What a step has found out. */
export interface Finding {
  status: Status;
  /** In place of the step's own, where that would be wrong. */
  title?: string;
  /** One line. */
  text: string;
  /** Stable and kebab-case, for what is not well: a reason of errors.ts, or one of the step's own. */
  reason?: string | undefined;
  /** What to do about it: a command, an option, or a sentence. */
  fix?: string | undefined;
  /** For programs. */
  facts?: Readonly<Record<string, JsonValue>> | undefined;
}

/** One thing that is looked at. */
export interface Step {
  /** Stable, for programs. */
  id: string;
  title: string;
  /** Steps that must have gone well, or this one tells nothing. */
  needs: readonly string[];
  run(examination: Examination): Promise<Finding> | Finding;
}

export interface StepResult extends Finding {
  id: string;
  title: string;
}

export function ok(text: string, facts?: Finding['facts']): Finding {
  return { status: 'ok', text, ...(facts && { facts }) };
}

export function skip(text: string): Finding {
  return { status: 'skip', text };
}

/** @param reason one of errors.ts, or a name of the step's own */
export function warn(text: string, reason: string, fix?: string, facts?: Finding['facts']): Finding {
  return { status: 'warn', text, reason, fix, ...(facts && { facts }) };
}

/** @param reason one of errors.ts tells the exit code, too; any other name means 1 */
export function fail(text: string, reason: string, fix?: string, facts?: Finding['facts']): Finding {
  return { status: 'fail', text, reason, fix, ...(facts && { facts }) };
}

/** A failure that the program has a sentence for already. */
export function failedBy({ reason, message }: DrawbridgeError, fix?: string): Finding {
  return fail(message, reason, fix);
}

/** The reason where it is one of errors.ts. */
export function reasonOf({ reason }: Finding): Reason | undefined {
  return reason !== undefined && isReason(reason) ? reason : undefined;
}
