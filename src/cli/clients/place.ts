import { posix, win32 } from 'node:path';

/** The machine as the table of clients sees it: what tests put in its place. */
export interface Place {
  platform: NodeJS.Platform;
  env: NodeJS.ProcessEnv;
  /** The user's home folder. */
  home: string;
  exists(path: string): boolean;
  /** The names in a folder; none where it is missing. */
  list(folder: string): string[];
}

/** Where a client has its configuration. */
export interface ConfigLocation {
  file: string;
  /** The folder that must be there already; what is missing below it is created. */
  anchor: string;
}

/** Joins as the platform does, which in tests is not the one that they run on. */
export function joinOn({ platform }: Place, ...parts: string[]): string {
  return (platform === 'win32' ? win32 : posix).join(...parts);
}

/** A file below the user's home folder. */
export function inHome(place: Place, ...parts: string[]): ConfigLocation {
  return { file: joinOn(place, place.home, ...parts), anchor: place.home };
}

/**
 * A file in the folder that the platform has for the settings of programs: %APPDATA%, ~/Library/Application Support,
 * or $XDG_CONFIG_HOME, which is ~/.config by default and may be created (XDG Base Directory Specification).
 */
export function inSettings(place: Place, ...parts: string[]): ConfigLocation {
  const { platform, env, home } = place;
  if (platform !== 'win32' && platform !== 'darwin')
    return { file: joinOn(place, xdgConfigHome(place), ...parts), anchor: env.XDG_CONFIG_HOME || home };
  const anchor =
    platform === 'win32'
      ? env.APPDATA || joinOn(place, home, 'AppData', 'Roaming')
      : joinOn(place, home, 'Library', 'Application Support');
  return { file: joinOn(place, anchor, ...parts), anchor };
}

/** $XDG_CONFIG_HOME, else ~/.config. */
function xdgConfigHome(place: Place): string {
  return place.env.XDG_CONFIG_HOME || joinOn(place, place.home, '.config');
}
