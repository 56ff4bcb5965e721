import { print, stdoutSurface, wrap } from '../stored/output.ts';
import { mcpRemoteOptions } from './table.ts';

const INDENT = 2;

/** `help mcp-remote`: what each of its options is here. */
export async function printMcpRemoteHelp(): Promise<number> {
  const { width } = stdoutSurface();
  const rows = [
    ['[callback-port]', '--callback-port, after the URL, with the host and the path that mcp-remote has'],
    ...mcpRemoteOptions.map(({ name, value, here }) => [
      `--${name}${value === undefined ? '' : ` <${value}>`}`,
      here,
    ]),
  ] as [string, string][];
  const column = Math.max(...rows.map(([option]) => option.length)) + 2;
  const isNarrow = width !== undefined && width < column + 40;
  const lines = rows.map(([option, here]) =>
    isNarrow
      ? `${' '.repeat(INDENT)}${option}\n${' '.repeat(3 * INDENT)}${wrap(here, width, 3 * INDENT)}`
      : `${' '.repeat(INDENT)}${option.padEnd(column)}${wrap(here, width, INDENT + column)}`,
  );
  await print(
    [
      wrap(
        'In any configuration, put mcp-drawbridge in the place of mcp-remote; the rest can stay.',
        width,
        0,
      ),
      '',
      'Options of mcp-remote 0.15.1, and what they are here:',
      ...lines,
      '',
      wrap('MCP_REMOTE_CONFIG_DIR, else ~/.mcp-auth, is where its sign-ins are taken over from.', width, 0),
      '',
    ].join('\n'),
  );
  return 0;
}
