/** What tells where the program runs, and who is there. */
export interface Surroundings {
  platform: NodeJS.Platform;
  /** Of the kernel, as `os.release()` gives it. */
  release: string;
  env: NodeJS.ProcessEnv;
  isStdinTerminal: boolean;
  isStderrTerminal: boolean;
  /** Whether there is a file of that path. */
  exists: (path: string) => boolean;
}

export type Place = 'desktop' | 'ci' | 'ssh' | 'container' | 'wsl';

/** How somebody can sign in from here (landscape B.2, 2 and 26). */
export interface Interactivity {
  place: Place;
  /** Somebody reads what is said. */
  isAttended: boolean;
  /** Somebody can answer, too. */
  canAnswer: boolean;
  /** Why no browser can be opened from here, a clause for a sentence; undefined where one may. */
  noBrowser: string | undefined;
}

/** Decides it once for a command. A program that BROWSER names is trusted to work: it is how containers and editors help. */
export function judgeSurroundings(surroundings: Surroundings): Interactivity {
  const { env, isStdinTerminal, isStderrTerminal } = surroundings;
  const place = placeOf(surroundings);
  const isPeople = place !== 'ci';
  return {
    place,
    isAttended: isPeople && (isStdinTerminal || isStderrTerminal),
    canAnswer: isPeople && isStdinTerminal,
    noBrowser: env.BROWSER?.trim() ? undefined : whyNoBrowser(place, surroundings),
  };
}

function placeOf({ env, release, exists }: Surroundings): Place {
  if (isSet(env.CI)) return 'ci';
  const isContainer = env.REMOTE_CONTAINERS || env.CODESPACES || env.container || env.KUBERNETES_SERVICE_HOST;
  // Codespaces is reached over SSH as well; what matters there is that no port of it is one of the user's machine.
  if (env.CODESPACES) return 'container';
  if (env.SSH_CONNECTION || env.SSH_TTY) return 'ssh';
  if (isContainer || exists('/.dockerenv') || exists('/run/.containerenv')) return 'container';
  return env.WSL_DISTRO_NAME || env.WSL_INTEROP || /microsoft/i.test(release) ? 'wsl' : 'desktop';
}

function whyNoBrowser(place: Place, { env, platform }: Surroundings): string | undefined {
  const hasDesktop = ['darwin', 'win32', 'android'].includes(platform);
  if (place === 'ci') return 'this is a CI job';
  // There it would open in front of whoever sits at the other machine.
  if (place === 'ssh' && hasDesktop) return 'this is a session over SSH';
  if (hasDesktop || env.DISPLAY || env.WAYLAND_DISPLAY || place === 'wsl') return undefined;
  if (place === 'ssh') return 'this is a session over SSH';
  if (place === 'container') return 'this is a container without a display';
  return 'there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)';
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && !/^(|0|false|no)$/i.test(value);
}
