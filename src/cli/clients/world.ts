import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { DrawbridgeError } from '../../errors.ts';
import type { Place } from './place.ts';

/** What the two commands touch beside the configuration: what tests put in its place. */
export interface World {
  place: Place;
  now(): Date;
  print(text: string): void;
  say(line: string): void;
}

/** @throws DrawbridgeError `client-config` where the user has no home folder */
export function realWorld(): World {
  let home: string;
  try {
    home = homedir();
  } catch (error) {
    throw new DrawbridgeError(
      'client-config',
      'This user has no home folder; name the configuration with --config-file.',
      {},
      error,
    );
  }
  return {
    place: { platform: process.platform, env: process.env, home, exists: existsSync, list: namesIn },
    now: () => new Date(),
    print: (text) => void process.stdout.write(text),
    say: (line) => void process.stderr.write(`${line}\n`),
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
