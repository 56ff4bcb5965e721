// A chart of what matters most, made of a report (`--json`): one SVG without script, its text as text, in the fonts
// that are there. It has its own ground, so that it can be read wherever it is shown, and a second set of colours for
// those who prefer dark.
import { MCP_REMOTE, SUBJECT } from './contestants.mjs';

/** The panels: which metric, in which words, and how its value is written. */
const panels = [
  { figure: 'start', metric: 'ms', title: 'Start to the first answer', unit: 'ms' },
  // The floor knows no sign-in.
  { figure: 'signed-in', metric: 'ms', title: 'The same, signed in', unit: 'ms', leaveOut: 'floor' },
  { figure: 'idle', metric: 'pss', title: 'Memory while idle (PSS)', unit: 'MB' },
  { figure: 'latency-json', metric: 'p50', title: 'Added to a small tool call', unit: 'ms' },
  { figure: 'cpu', metric: 'cpu', title: 'Processor time for 1,000 calls', unit: 'ms' },
  { figure: 'in-flight', metric: 'perSecond', title: 'Calls a second, 64 in flight', unit: '', isRate: true },
];

const bars = [
  { name: SUBJECT, label: SUBJECT, kind: 'ours' },
  { name: 'mcp-remote', label: MCP_REMOTE.replace('@', ' '), kind: 'other' },
  { name: 'floor', label: 'a bridge that checks nothing', kind: 'floor' },
];

const WIDTH = 760;
const MARGIN = 24;
const NAMES = 200;
const VALUES = 90;
const BAR = 16;
const STEP = 22;
const HEAD = 74;
const panelHeight = ({ values }) => 30 + values.length * STEP + 14;

const style = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
    .title { font-size: 17px; font-weight: 600; }
    .panel { font-weight: 600; }
    .soft { fill: #59636e; }
    .number { font-variant-numeric: tabular-nums; }
    .ground { fill: #ffffff; stroke: #d1d9e0; }
    .ours { fill: #0969da; }
    .other { fill: #bc4c00; }
    .floor { fill: #818b98; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .soft { fill: #9198a1; }
      .ground { fill: #0d1117; stroke: #3d444d; }
      .ours { fill: #4493f8; }
      .other { fill: #f0883e; }
      .floor { fill: #656c76; }
    }
  `;

/**
 * The chart of a report as an SVG document; who was not measured has no bar.
 *
 * @param report what `--json` writes
 */
export function chart({ metrics, quick }) {
  const known = panels.flatMap((panel) => {
    const found = metrics.find(({ figure, metric }) => figure === panel.figure && metric === panel.metric);
    const values = bars.flatMap((bar) => {
      const value = found?.medians[bar.name];
      return Number.isFinite(value) && bar.name !== panel.leaveOut ? [{ ...bar, value }] : [];
    });
    return values.length > 0 ? [{ ...panel, values }] : [];
  });
  const tops = known.map((_, index) =>
    known.slice(0, index).reduce((top, panel) => top + panelHeight(panel), HEAD),
  );
  const height = known.reduce((sum, panel) => sum + panelHeight(panel), HEAD) + MARGIN / 2;
  const subtitle = quick
    ? 'A smoke run: these figures say nothing.'
    : 'Medians of runs in turn on one machine.';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
  <title id="title">${SUBJECT}, measured</title>
  <desc id="desc">${escapeXml(known.map(sentence).join(' '))}</desc>
  <style>${style}</style>
  <rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
  <text class="title" x="${MARGIN}" y="36">${SUBJECT}, measured</text>
  <text class="soft" x="${MARGIN}" y="56">${subtitle}</text>
${known.map((panel, index) => drawPanel(panel, tops[index])).join('\n')}
</svg>
`;
}

function drawPanel({ title, unit, isRate, values }, top) {
  const most = Math.max(...values.map(({ value }) => value));
  const room = WIDTH - 2 * MARGIN - NAMES - VALUES;
  const left = MARGIN + NAMES;
  const rows = values.map(({ label, kind, value }, index) => {
    const y = top + 30 + index * STEP;
    // Not so short that it can't be seen.
    const length = Math.max(2, (value / most) * room);
    const base = y + BAR - 4;
    return `  <text class="soft" x="${left - 10}" y="${base}" text-anchor="end">${escapeXml(label)}</text>
  <rect class="${kind}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>
  <text class="number" x="${(left + length + 8).toFixed(1)}" y="${base}">${written(value, unit)}</text>`;
  });
  return `  <text class="panel" x="${MARGIN}" y="${top + 18}">${escapeXml(title)}</text>
  <text class="soft" x="${WIDTH - MARGIN}" y="${top + 18}" text-anchor="end">${isRate ? 'more is better' : 'less is better'}</text>
${rows.join('\n')}`;
}

function sentence({ title, unit, values }) {
  return `${title}: ${values.map(({ label, value }) => `${label} ${written(value, unit)}`).join(', ')}.`;
}

function written(value, unit) {
  // Three digits are all that a repetition would confirm.
  const rounded = value >= 1000 ? Number(value.toPrecision(3)) : value;
  const digits = value >= 10 ? 0 : 2;
  const number = rounded.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${number} ${unit}`.trim();
}

function escapeXml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
