/** How what belongs to Mitosis is known on an engine: labels, and names that make a start create-if-absent. Pure. */
import { createHash } from 'node:crypto';
import type { RunPlan, RunRef } from '../actuator.js';

/** The state directory whose agent owns it: two agents on one engine never touch each other's. */
export const HOME = 'mitosis.home';
export const LEVEL = 'mitosis.level';
export const INSTANCE = 'mitosis.instance';
export const RUN = 'mitosis.run';

export interface RunName {
  readonly level: string;
  readonly id: string;
  readonly run: number;
}

export const labelsOf = (home: string, plan: RunPlan): Record<string, string> => ({
  ...plan.container?.labels,
  [HOME]: home,
  [LEVEL]: plan.level,
  [INSTANCE]: plan.id,
  [RUN]: String(plan.run),
  'mitosis.component': plan.component,
  'mitosis.class': plan.instanceClass,
  'mitosis.version': plan.version,
  ...(plan.epoch === undefined ? {} : { 'mitosis.epoch': plan.epoch }),
});

export const runNameOf = (labels: Readonly<Record<string, string>> | null): RunName | undefined => {
  const level = labels?.[LEVEL];
  const id = labels?.[INSTANCE];
  const run = Number(labels?.[RUN]);
  return level === undefined || id === undefined || !Number.isInteger(run) ? undefined : { level, id, run };
};

export const isSameRun = (a: RunName, b: RunName): boolean =>
  a.level === b.level && a.id === b.id && a.run === b.run;

export const keyOf = ({ level, id, run }: RunName): string => `${level} ${id} ${run}`;

/** Instance ids are never used again, so a name stands for one run for ever. */
export const containerName = ({ level, id, run }: RunRef | RunName): string =>
  run > 1 ? `${level}-${id}-r${run}` : `${level}-${id}`;

const short = (home: string): string => createHash('sha256').update(home).digest('hex').slice(0, 6);

export const levelNetworkName = (home: string, level: string): string => `mitosis-${level}-${short(home)}`;

export const componentNetworkName = (home: string, level: string, component: string): string =>
  `mitosis-${level}-${short(home)}-${component}`;

/** As Compose names them, so that the data of a Compose application is found. */
export const volumeName = (level: string, volume: string): string =>
  `${level.replaceAll('.', '_')}_${volume}`;
