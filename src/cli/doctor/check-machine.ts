import type { Examination } from './examination.ts';
import { type Finding, ok } from './step.ts';

/** The Node that runs this; the start file has seen to it that it is new enough. */
export function checkNode(): Finding {
  const { versions, platform, arch } = process;
  return ok(`${versions.node} on ${platform} ${arch}`, { version: versions.node, platform, arch });
}

/** The options that come from the environment, by name: they are forgotten easily [116]. */
export function checkEnvironment({ settings }: Examination): Finding {
  const names = Object.keys(settings.network.env)
    .filter((name) => /^MCP_DRAWBRIDGE_/.test(name))
    .concat(settings.store.secret ? [`MCP_DRAWBRIDGE_${secretName(settings.store.secret)}`] : [])
    .sort();
  if (names.length === 0) return ok('no option is set there', { names });
  return ok(`set there: ${names.join(', ')}`, { names });
}

function secretName({ kind, from }: { kind: string; from: string }): string {
  return `${kind.toUpperCase()}${from === 'file' ? '_FILE' : ''}`;
}
