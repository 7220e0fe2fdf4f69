/** Every fault by its name, which schedules and coverage counters use. */
import type { Fault } from './fault.js';
import { networkFaults } from './network.js';
import { processFaults } from './processes.js';
import { storeFaults } from './store.js';
import { wishes } from './wishes.js';

export const FAULTS = {
  ...processFaults,
  ...networkFaults,
  ...storeFaults,
  ...wishes,
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];
