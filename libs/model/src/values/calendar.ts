/** Cron patterns and time zones, as far as a text can be checked before anything runs by it. */
import { Cron } from 'croner';

export const isCronPattern = (text: string): boolean => {
  try {
    // Never started: only its pattern is read.
    return new Cron(text, { paused: true, mode: '5-part' }).nextRun() !== null;
  } catch {
    return false;
  }
};

export const isTimezone = (text: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
};
