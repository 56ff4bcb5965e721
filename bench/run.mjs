// `npm run bench`: measures the bridges side by side and prints one table.
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { chart } from './chart.mjs';
import { findContestants, MCP_REMOTE, SUBJECT } from './contestants.mjs';
import { figures } from './figures/index.mjs';
import { measureFigure, PATIENCE } from './measure.mjs';
import { readOptions, UsageError, usage } from './options.mjs';
import { startRemote } from './remote.mjs';
import { evaluate, failures, table } from './table.mjs';

const progress = (text) => process.stderr.write(text);

// The first start of a program reads its files from the disk and may leave something for the next one.
async function warmUp(contestants, remote) {
  for (const contestant of contestants) {
    const client = contestant.open(remote.url);
    const watchdog = setTimeout(() => client.abort(`gave no answer within ${PATIENCE / 1000} s`), PATIENCE);
    try {
      await client.initialize();
      await client.request('tools/list', {});
    } catch (error) {
      progress(`${contestant.name} does not start: ${error.message}\n`);
    }
    clearTimeout(watchdog);
    await client.close();
  }
}

function describe({ keepCertificates, quick }, load) {
  const certificates = process.env.NODE_EXTRA_CA_CERTS
    ? `was set and is ${keepCertificates ? 'left so' : 'unset for the children, where it would add some 30 ms to each start'}`
    : 'was not set';
  return [
    `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, load before ${load}.`,
    `NODE_EXTRA_CA_CERTS ${certificates}. ${MCP_REMOTE} is started as a file, not by npx, with an empty configuration and --silent; what it asks for besides MCP gets 404.`,
    'Medians of runs in turn, over loopback. 50 ms away: the server answers each request 50 ms later, and in the second such line the first of a connection no sooner than 100 ms after it was opened.',
    ...(quick
      ? ['A smoke run: one short repetition each. These figures say only that everything runs.']
      : []),
  ];
}

function summary(options, environment, missing, results) {
  const metrics = results.flatMap(({ figure, lines }) =>
    lines.map(({ label, key, medians, samples, ratioToFloor, ratioToRemote, verdict, ...limits }) => ({
      figure: figure.name,
      metric: key,
      label,
      medians,
      ratioToFloor,
      ratioToRemote,
      limits: {
        floor: limits.ofFloor,
        remote: limits.ofRemote,
        absolute: limits.limit,
        atLeast: !!limits.rate,
      },
      verdict,
      samples,
    })),
  );
  return { quick: options.quick, environment, missing, failures: failures(results), metrics };
}

async function main(options) {
  if (options.from) {
    await writeFile(options.chart, chart(JSON.parse(await readFile(options.from, 'utf8'))));
    return 0;
  }
  const load = loadavg()[0].toFixed(2);
  const chosen = figures.filter(({ name, quick }) =>
    options.only ? options.only.includes(name) : quick !== false || !options.quick,
  );
  const { contestants, missing } = await findContestants(options.names, {
    ...options,
    install: !options.quick,
  });
  for (const line of missing) progress(`${line}\n`);
  const remote = await startRemote();
  await warmUp(contestants, remote);

  const context = { remote, quick: options.quick, runs: options.runs };
  const results = [];
  for (const figure of chosen) {
    const startedAt = performance.now();
    progress(`${figure.name} … `);
    const taking = contestants.filter(
      (one) => (!one.direct || figure.direct) && (figure.takes?.(one) ?? true),
    );
    const measured = await measureFigure(figure, taking, context);
    results.push({ figure, measured, lines: figure.metrics.map((metric) => evaluate(metric, measured)) });
    progress(`${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
  }

  const present = contestants.map(({ name }) => name);
  const environment = describe(options, load);
  const notes = [...environment, ...missing, ...failures(results)].map((line) => `- ${line}`);
  const report = `${table(results, present)}\n\n${notes.join('\n')}\n`;
  await new Promise((resolve) => process.stdout.write(report, resolve));
  if (options.markdown) await writeFile(options.markdown, report);
  const data = summary(options, environment, missing, results);
  if (options.json) await writeFile(options.json, `${JSON.stringify(data, null, 2)}\n`);
  if (options.chart) await writeFile(options.chart, chart(data));
  // A limit missed is a finding; a bridge of ours that could not be measured is a fault.
  return results.some(({ measured }) => measured[SUBJECT]?.failure || measured.floor?.failure) ? 1 : 0;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  process.exit(await main(options));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}\n`);
  process.exit(2);
}
