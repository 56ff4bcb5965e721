import { DrawbridgeError } from '../errors.ts';
import { environmentName, type OptionValues, options } from './options.ts';

/** Reads options as given on the command line, or else from their environment variables (CLI.md, Options). */
export class OptionReader {
  readonly #given: OptionValues;
  readonly #env: NodeJS.ProcessEnv;

  constructor(given: OptionValues, env: NodeJS.ProcessEnv) {
    this.#given = given;
    this.#env = env;
    for (const { name } of options) {
      const value = given[name];
      if (value === '' || (Array.isArray(value) && value.includes(''))) this.fail(name, 'needs a value');
    }
  }

  text(name: string): string | undefined {
    const value = this.#given[name] ?? this.#env[environmentName(name)];
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  /** A repeatable option; in its environment variable, one value a line. */
  list(name: string): string[] {
    const value = this.#given[name];
    if (Array.isArray(value)) return value;
    return this.text(name)?.split(/\r?\n/).filter(Boolean) ?? [];
  }

  flag(name: string): boolean {
    if (this.#given[name] === true) return true;
    const value = this.#env[environmentName(name)]?.toLowerCase() ?? '';
    if (['1', 'true', 'yes'].includes(value)) return true;
    return ['', '0', 'false', 'no'].includes(value) ? false : this.fail(name, 'is a switch: 1 or 0');
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.text(name) ?? fallback;
    return (
      choices.find((choice) => choice === value) ?? this.fail(name, `must be one of ${choices.join(', ')}`)
    );
  }

  number(name: string, least: number, most: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    return number >= least && number <= most
      ? number
      : this.fail(name, `must be a number from ${least} to ${most}`);
  }

  seconds(name: string, least: number, most: number): number | undefined {
    const value = this.number(name, least, most);
    return value === undefined ? undefined : value * 1000;
  }

  /** @throws DrawbridgeError `usage`, naming the option or the variable that holds the fault */
  fail(name: string, what: string): never {
    const source = this.#given[name] === undefined ? environmentName(name) : `--${name}`;
    throw new DrawbridgeError('usage', `${source} ${what}.`);
  }
}
