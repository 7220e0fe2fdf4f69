/** A logger that keeps its lines for a test to look at. */
import type { Logger } from '../logger.js';

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export class SilentLogger implements Logger {
  constructor(
    readonly lines: LoggedLine[] = [],
    private readonly bound: Readonly<Record<string, unknown>> = {},
  ) {}

  debug(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.keep('debug', fields, message);
  }
  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.keep('info', fields, message);
  }
  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.keep('warn', fields, message);
  }
  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.keep('error', fields, message);
  }
  child(fields: Readonly<Record<string, unknown>>): Logger {
    return new SilentLogger(this.lines, { ...this.bound, ...fields });
  }

  private keep(level: LoggedLine['level'], fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level, fields: { ...this.bound, ...fields }, message });
  }
}
