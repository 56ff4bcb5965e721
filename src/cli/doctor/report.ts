import { DrawbridgeError } from '../../errors.ts';
import type { JsonValue } from '../../jsonrpc.ts';
import { reasonOf, type Status, type StepResult } from './step.ts';

/** Raised when a member changes its meaning or goes; new ones may come at any time. */
const DOCUMENT_VERSION = 1;

const marks: Record<Status, string> = { ok: '[ ok ]', warn: '[warn]', fail: '[fail]', skip: '[skip]' };
const colours: Record<Status, number> = { ok: 32, warn: 33, fail: 31, skip: 2 };

/** What was looked at, and with what. */
export interface Subject {
  /** The server's URL as it may be shown. */
  server: string;
  profile: string;
  /** Of this program. */
  version: string;
  /** Epoch milliseconds. */
  at: number;
}

/** The first lines of the report for people. */
export function heading({ server, profile, version, at }: Subject): string {
  const who = profile === 'default' ? '' : `, profile ${profile}`;
  return `mcp-drawbridge ${version}: ${server}${who}, ${isoTime(at)}\n\n`;
}

/** One result for people: the mark is a word, so colours only repeat it. */
export function lineOf({ title, status, text, fix }: StepResult, hasColours: boolean): string {
  const mark = hasColours ? `\u001b[${colours[status]}m${marks[status]}\u001b[0m` : marks[status];
  return `${mark} ${title}: ${text}\n${fix === undefined ? '' : `       fix: ${fix}\n`}`;
}

/** The last lines of the report for people: how many of what, and what to begin with. */
export function summary(results: readonly StepResult[]): string {
  const count = (status: Status): number => results.filter((result) => result.status === status).length;
  const first = firstProblem(results);
  const counts = `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed, ${count('skip')} skipped.`;
  if (first === undefined) return `\n${counts} The connection is sound.\n`;
  const what = first.fix ?? `see “${first.title}” above.`;
  return `\n${counts} ${first.status === 'fail' ? 'Begin with this' : 'If you like'}: ${what}\n`;
}

/** The whole report for programs: one JSON document. */
export function document(subject: Subject, results: readonly StepResult[]): string {
  const { server, profile, version, at } = subject;
  const exitCode = exitCodeOf(results);
  const first = firstProblem(results);
  const value: Record<string, JsonValue> = {
    schema: 'mcp-drawbridge/doctor',
    version: DOCUMENT_VERSION,
    generatedAt: isoTime(at),
    program: version,
    server,
    profile,
    ok: exitCode === 0,
    exitCode,
    ...(first?.fix !== undefined && { fix: first.fix }),
    steps: results.map(({ id, title, status, text, reason, fix, facts }) => ({
      id,
      title,
      status,
      text,
      ...(reason !== undefined && { reason }),
      ...(fix !== undefined && { fix }),
      ...(facts !== undefined && { facts: { ...facts } }),
    })),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** CLI.md, "Exit codes": that of the first failure, 0 where nothing has failed. */
export function exitCodeOf(results: readonly StepResult[]): number {
  const failed = results.find(({ status }) => status === 'fail');
  if (failed === undefined) return 0;
  const reason = reasonOf(failed);
  return reason === undefined ? 1 : new DrawbridgeError(reason, '').exitCode;
}

function firstProblem(results: readonly StepResult[]): StepResult | undefined {
  return (
    results.find(({ status }) => status === 'fail') ??
    results.find(({ status, fix }) => status === 'warn' && fix !== undefined)
  );
}

function isoTime(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
