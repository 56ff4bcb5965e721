import type { Place } from '../../../src/cli/clients/place.ts';
import type { World } from '../../../src/cli/clients/world.ts';

/** The home folder that the tests of clients have on each platform. */
export const homes = { darwin: '/Users/ada', win32: 'C:\\Users\\ada', linux: '/home/ada' } as const;

export type Platform = keyof typeof homes;

/** A machine of that platform on which nothing is there but what `present` names. */
export function placeOn(platform: Platform, env: NodeJS.ProcessEnv = {}, present: string[] = []): Place {
  const separator = platform === 'win32' ? '\\' : '/';
  const inside = (folder: string) => present.filter((path) => path.startsWith(folder + separator));
  return {
    platform,
    env,
    home: homes[platform],
    exists: (path) => present.includes(path) || inside(path).length > 0,
    list: (folder) => [
      ...new Set(inside(folder).map((path) => path.slice(folder.length + 1).split(separator)[0] as string)),
    ],
  };
}

/** What the commands have printed and said, with a clock that stands still. */
export class RecordingWorld implements World {
  readonly place: Place;
  readonly printed: string[] = [];
  readonly said: string[] = [];
  time = Date.UTC(2026, 10, 26, 22, 53, 0, 123);

  constructor(place: Place) {
    this.place = place;
  }

  now(): Date {
    return new Date(this.time++);
  }

  print(text: string): void {
    this.printed.push(text);
  }

  say(line: string): void {
    this.said.push(line);
  }
}
