/**
 * Why the demo follows the link itself instead of leaving that to a person and a browser: a sentence.
 *
 * @param isTerminal whether somebody sits at a terminal
 * @returns undefined where a browser is to be opened
 */
export function whyAutomatic(
  autoApprove: boolean,
  env: NodeJS.ProcessEnv,
  isTerminal: boolean,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  if (autoApprove) return 'As --auto-approve asks';
  if (env.CI && env.CI !== 'false') return 'As this is a CI job';
  if (!isTerminal) return 'As nobody is at a terminal';
  if (env.BROWSER?.trim()) return undefined;
  // A window would open on the other machine.
  if (env.SSH_CONNECTION && !env.DISPLAY) return 'As this terminal is a remote one';
  const hasDesktop =
    platform === 'darwin' ||
    platform === 'win32' ||
    env.DISPLAY ||
    env.WAYLAND_DISPLAY ||
    env.WSL_DISTRO_NAME;
  return hasDesktop ? undefined : 'As no browser can be opened here';
}
