/**
 * The options of mcp-remote that have another name, or other values, here. A plain start looks at these names and no
 * more; what they mean is in table.ts, and loaded where one of them is there.
 */
const foreign =
  /^--(auth-timeout|debug|disable-resource-parameter|enable-proxy|host|protocol|silent|static-oauth-client-(info|metadata))(=|$)|^(--transport=)?(http|sse)-(first|only)$|^(--resource=)?$/;

/**
 * Whether the arguments may be written for mcp-remote: one of its own options is among them, or a callback port, which is
 * a number that no option has before it.
 */
export function speaksMcpRemote(argv: readonly string[]): boolean {
  return argv.some((word, index) => {
    if (foreign.test(word)) return true;
    if (word === '--keep-alive') return isSwitch(argv[index + 1]);
    return index > 0 && /^\d+$/.test(word) && !argv[index - 1]?.startsWith('--');
  });
}

/** `--keep-alive` is a switch of mcp-remote's where no number of seconds follows. */
export function isSwitch(next: string | undefined): boolean {
  return !/^\d/.test(next ?? '');
}
