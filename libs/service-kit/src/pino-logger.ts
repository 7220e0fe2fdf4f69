/** Log lines as JSON on standard output, which the agent captures and rotates. Synchronous: a line before a crash is kept. */
import { destination, pino } from 'pino';
import type { LogLevel } from './config.js';
import type { Logger } from './logger.js';

export const createLogger = (level: LogLevel, fields: Readonly<Record<string, unknown>>): Logger =>
  pino(
    {
      level,
      base: { ...fields },
      // `level` is a composition's management here; how serious a line is has a name of its own.
      formatters: { level: (severity) => ({ severity }) },
      timestamp: () => `,"atMs":${Date.now()}`,
      messageKey: 'msg',
    },
    destination({ dest: 1, sync: true }),
  );
