/** Log lines as JSON on standard output, which whoever starts the agent appends to `agent.log`. */
import { destination, pino } from 'pino';

export interface Log {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export const createLog = (level: string): Log =>
  pino(
    { level, base: { service: 'agent' }, timestamp: () => `,"atMs":${Date.now()}`, messageKey: 'msg' },
    destination({ dest: 1, sync: true }),
  );

export const SILENT_LOG: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
