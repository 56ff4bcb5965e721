import { Logger, type LogSettings } from '../logger.ts';

/** A logger whose writer is loaded with the first line that is really written. */
export function createLogger(settings: LogSettings): Logger {
  return new Logger(settings, async (...given) =>
    (await import('../platform/log-writer.ts')).createLogWriter(...given),
  );
}
