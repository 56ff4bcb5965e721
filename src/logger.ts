/**
 * Logging to stderr (and a file), never to stdout. A line has an event name and typed fields and nothing else:
 * no object, no header and no network error is ever handed over whole, so there is nothing to redact. As a second net,
 * every live secret that was made known by `protect` is blotted out of the finished line.
 */

export const logLevels = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFormat = 'text' | 'json';

/** Fields may hold what is neither secret nor long; text of the remote passes `displayText` first. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface LogSettings {
  level: LogLevel;
  format: LogFormat;
  /** Path of a file that gets the same lines as stderr. */
  file?: string | undefined;
}

/** Writes one finished line. Made by platform/log-writer.ts, which is loaded with the first line that is really written. */
export type LogWriter = (level: LogLevel, event: string, fields: LogFields) => void;

export class Logger {
  readonly #threshold: number;
  readonly #loadWriter: () => Promise<LogWriter>;
  readonly #secrets = new Set<string>();
  #writer: LogWriter | undefined;
  #loading: Promise<unknown> | undefined;
  #early: Parameters<LogWriter>[] = [];

  /** @param loadWriter gives the writer; called at most once, with the first line */
  constructor(
    settings: LogSettings,
    loadWriter: (settings: LogSettings, scrub: Scrub) => Promise<LogWriter>,
  ) {
    this.#threshold = logLevels.indexOf(settings.level);
    this.#loadWriter = () => loadWriter(settings, (text) => this.scrub(text));
  }

  error(event: string, fields: LogFields = {}): void {
    this.#log('error', event, fields);
  }
  warn(event: string, fields: LogFields = {}): void {
    this.#log('warn', event, fields);
  }
  info(event: string, fields: LogFields = {}): void {
    this.#log('info', event, fields);
  }
  debug(event: string, fields: LogFields = {}): void {
    this.#log('debug', event, fields);
  }
  trace(event: string, fields: LogFields = {}): void {
    this.#log('trace', event, fields);
  }

  /**
   * Makes a secret known, so that no line can hold it, nor its part after a scheme ("Bearer x"). Values under four
   * characters would blot out innocent text.
   */
  protect(secret: string): void {
    const forms = [secret, secret.replace(/^\S+ +/, '')].flatMap((form) => [
      form,
      JSON.stringify(form).slice(1, -1),
    ]);
    for (const form of forms) if (form.length >= 4) this.#secrets.add(form);
  }

  /** The text without the secrets that were made known. */
  scrub(text: string): string {
    let clean = text;
    // The longest first: one secret may be the beginning of another.
    const secrets = [...this.#secrets].sort((a, b) => b.length - a.length);
    for (const secret of secrets) clean = clean.replaceAll(secret, '[redacted]');
    return clean;
  }

  /** Loads the writer now, so that a log file that can't be opened is an error at the start. */
  async open(): Promise<void> {
    this.#load();
    await this.#loading;
  }

  /** Resolves when every line so far is written. */
  async flush(): Promise<void> {
    await this.#loading;
  }

  #log(level: LogLevel, event: string, fields: LogFields): void {
    if (logLevels.indexOf(level) > this.#threshold) return;
    if (this.#writer) return this.#writer(level, event, fields);
    this.#early.push([level, event, fields]);
    this.#load();
  }

  #load(): void {
    this.#loading ??= this.#loadWriter().then((writer) => {
      this.#writer = writer;
      for (const line of this.#early) writer(...line);
      this.#early = [];
    });
  }
}

export type Scrub = (text: string) => string;
