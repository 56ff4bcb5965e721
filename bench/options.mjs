// The command line of the bench.
import { parseArgs } from 'node:util';
import { NAMES } from './contestants.mjs';
import { figures } from './figures/index.mjs';

// mcp-remote alone would take longer than all others together, and it may have to be installed first.
const SMOKE_NAMES = NAMES.filter((name) => name !== 'mcp-remote');

const figureNames = figures.map(({ name }) => name);

export const usage = `Usage: npm run bench -- [options]

  --only <figure,...>        measure these figures only
  --contestants <name,...>   measure these only (${NAMES.join(', ')})
  --runs <n>                 repetitions of each figure, instead of its own number
  --quick                    a smoke run: one short repetition, without mcp-remote, nothing installed
  --no-build                 take dist/ as it is
  --keep-ca-certs            leave NODE_EXTRA_CA_CERTS set for the children
  --json <file>              write the figures with all their samples
  --markdown <file>          write the report that is printed
  --chart <file>             draw the figures that matter most (SVG)
  --from <file>              measure nothing: draw the chart of what --json has written
  --help

Figures: ${figureNames.join(', ')}`;

export class UsageError extends Error {}

function listOf(text, known, option) {
  if (text === undefined) return undefined;
  const names = text.split(',').filter(Boolean);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined || names.length === 0) {
    throw new UsageError(`--${option} takes a list of these: ${known.join(', ')}; not '${unknown ?? text}'`);
  }
  return names;
}

export function readOptions(args) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        only: { type: 'string' },
        contestants: { type: 'string' },
        runs: { type: 'string' },
        quick: { type: 'boolean', default: false },
        'no-build': { type: 'boolean', default: false },
        'keep-ca-certs': { type: 'boolean', default: false },
        json: { type: 'string' },
        markdown: { type: 'string' },
        chart: { type: 'string' },
        from: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message.split('. ')[0]);
  }
  if (values.runs !== undefined && !/^[1-9]\d{0,2}$/.test(values.runs)) {
    throw new UsageError(`--runs takes a number from 1 to 999; not '${values.runs}'`);
  }
  if (values.from !== undefined && values.chart === undefined) {
    throw new UsageError('--from needs --chart: it is what the chart is made of');
  }
  return {
    help: values.help,
    quick: values.quick,
    build: !values['no-build'],
    keepCertificates: values['keep-ca-certs'],
    runs: values.runs && Number(values.runs),
    only: listOf(values.only, figureNames, 'only'),
    names: listOf(values.contestants, NAMES, 'contestants') ?? (values.quick ? SMOKE_NAMES : NAMES),
    json: values.json,
    markdown: values.markdown,
    chart: values.chart,
    from: values.from,
  };
}
