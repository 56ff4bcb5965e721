import { type LogFields, Logger } from '../../../src/logger.ts';

export interface LogLine {
  level: string;
  event: string;
  fields: LogFields;
}

/** A logger that keeps every line. */
export function recordingLogger(): { log: Logger; lines: LogLine[]; secrets: string[] } {
  const lines: LogLine[] = [];
  const secrets: string[] = [];
  const log = new Logger({ level: 'trace', format: 'text' }, async () => (level, event, fields) => {
    lines.push({ level, event, fields });
  });
  const protect = log.protect.bind(log);
  log.protect = (secret) => {
    secrets.push(secret);
    protect(secret);
  };
  return { log, lines, secrets };
}
