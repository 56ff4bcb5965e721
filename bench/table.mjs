// From samples to medians, ratios, verdicts and the printed report.
import { NAMES, SUBJECT } from './contestants.mjs';
import { median } from './figures/helpers.mjs';
import { HAS_PROC } from './processes.mjs';

const NONE = '–';

function samplesOf(metric, measured, name) {
  const own = measured[name]?.samples ?? [];
  const values = own.map((sample, round) => {
    // What is added is compared within its round: the machine may have been slower in another.
    const base = metric.added ? measured.direct?.samples[round]?.[metric.key] : 0;
    return name === 'direct' ? sample?.[metric.key] : sample?.[metric.key] - base;
  });
  return values.filter((value) => Number.isFinite(value));
}

// A difference of noisy times can come out below zero, and then there is nothing to compare with.
const quotient = (value, base) => (base > 0 ? value / base : Number.NaN);

function checks(metric, { floor, remote, value }) {
  const keeps = (ratio, limit) => (metric.rate ? ratio >= limit : ratio <= limit);
  const all = [
    [value, metric.limit],
    [quotient(value, floor), metric.ofFloor],
    [quotient(value, remote), metric.ofRemote],
  ];
  const known = all.filter(([actual, limit]) => limit !== undefined && Number.isFinite(actual));
  if (known.length === 0) return undefined;
  return known.every(([actual, limit]) => keeps(actual, limit)) ? 'pass' : 'miss';
}

/** One line of the table: the medians of all contestants, and what becomes of them. */
export function evaluate(metric, measured) {
  const samples = Object.fromEntries(NAMES.map((name) => [name, samplesOf(metric, measured, name)]));
  const medians = Object.fromEntries(
    NAMES.map((name) => [
      name,
      samples[name].length > 0 && !measured[name].failure ? median(samples[name]) : undefined,
    ]),
  );
  const value = medians[SUBJECT];
  const { floor, 'mcp-remote': remote } = medians;
  const failed = Object.entries(measured).filter(([, { failure }]) => failure);
  return {
    ...metric,
    medians,
    samples,
    failed: failed.map(([name]) => name),
    ratioToFloor: quotient(value, floor),
    ratioToRemote: quotient(value, remote),
    verdict: measured[SUBJECT]?.failure ? 'miss' : checks(metric, { floor, remote, value }),
  };
}

function number(value) {
  if (value >= 10_000) return value.toLocaleString('en', { maximumFractionDigits: 0 });
  if (Number.isInteger(value) || value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

function ratio(value, limit, rate) {
  const bound = limit === undefined ? '' : ` (${rate ? '≥' : '≤'} ${limit})`;
  return Number.isFinite(value) ? `${value.toFixed(2)}${bound}` : `${NONE}${bound}`;
}

function row(line, names, measured) {
  const cells = names.map((name) => {
    if (line.failed.includes(name)) return 'failed';
    if (line.medians[name] !== undefined) return number(line.medians[name]);
    return measured[name] && !HAS_PROC ? 'not available' : NONE;
  });
  const fixed = line.limit === undefined ? '' : ` (${line.rate ? '≥' : '≤'} ${line.limit})`;
  return [
    `${line.label}${fixed}`,
    ...cells,
    ratio(line.ratioToFloor, line.ofFloor, line.rate),
    ratio(line.ratioToRemote, line.ofRemote, line.rate),
    line.verdict ?? NONE,
  ];
}

/** The Markdown table; `results` is a list of `{ figure, measured, lines }`. */
export function table(results, present) {
  const names = NAMES.filter((name) => present.includes(name));
  const head = ['figure', ...names, 'of the floor (limit)', 'of mcp-remote (limit)', 'verdict'];
  const rows = results.flatMap(({ lines, measured }) => lines.map((line) => row(line, names, measured)));
  const rule = head.map((_, index) => (index === 0 || index === head.length - 1 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Why a contestant has no value, one line each. */
export function failures(results) {
  return results.flatMap(({ figure, measured }) =>
    Object.entries(measured)
      .filter(([, { failure }]) => failure)
      .map(([name, { failure }]) => `${figure.name}: ${name} failed: ${failure}`),
  );
}
