/** Signals as people write them. */
import { constants } from 'node:os';

/** `SIGTERM`, `TERM`, `term` or `15`; undefined when there is no such signal. */
export const signalNamed = (text: string): NodeJS.Signals | undefined => {
  const upper = text.trim().toUpperCase();
  const byNumber = Object.entries(constants.signals).find(([, number]) => String(number) === upper)?.[0];
  const name = byNumber ?? (upper.startsWith('SIG') ? upper : `SIG${upper}`);
  return Object.hasOwn(constants.signals, name) ? (name as NodeJS.Signals) : undefined;
};
