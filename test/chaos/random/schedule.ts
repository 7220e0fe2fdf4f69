/** What a chaos run does and when: drawn from a seed alone, so that the same seed gives the same schedule. Pure. */
import { seededRandom, type Random } from '@mitosis/simulation';

/** With its weight in the draw. `needs: 'net'`: only in a network namespace of our own. */
export const FAULTS = {
  'kill-application': { weight: 3 },
  'kill-application-and-leader': { weight: 3 },
  'kill-leader': { weight: 2 },
  'kill-manager': { weight: 2 },
  'kill-managers': { weight: 1 },
  'kill-router': { weight: 2 },
  'kill-etcd': { weight: 2 },
  'kill-agent': { weight: 1 },
  'stop-leader': { weight: 3, stopMs: [300, 7_000] },
  'stop-router': { weight: 1, stopMs: [300, 2_000] },
  'stop-etcd': { weight: 2, stopMs: [300, 5_000] },
  'stop-agent': { weight: 1, stopMs: [300, 3_000] },
  'stop-application': { weight: 1, stopMs: [300, 2_000] },
  scale: { weight: 3 },
  'isolate-etcd': { weight: 2, stopMs: [500, 6_000], needs: 'net' },
  'cut-leader-from-store': { weight: 2, stopMs: [500, 6_000], needs: 'net' },
  'cut-store': { weight: 1, stopMs: [500, 8_000], needs: 'net' },
  snapshot: { weight: 0 },
  restore: { weight: 0 },
} as const satisfies Record<string, FaultShape>;

interface FaultShape {
  readonly weight: number;
  readonly stopMs?: readonly [number, number];
  readonly needs?: 'net';
}

export type FaultName = keyof typeof FAULTS;

export interface ChaosEvent {
  readonly atMs: number;
  readonly fault: FaultName;
  /** Which of the candidates there are then: 0..1. */
  readonly pick: number;
  /** 0: a fault of a moment. */
  readonly durationMs: number;
}

const FIRST_MS = 2_000;
const GAP_MS = [1_500, 8_000] as const;
/** A restore lasts a while: one in each such stretch, from a snapshot taken a fifth of it before. */
const RESTORE_EVERY_MS = 240_000;

export const chaosSchedule = (seed: number, lengthMs: number, net: boolean): readonly ChaosEvent[] => {
  const random = seededRandom(seed);
  const names = (Object.keys(FAULTS) as FaultName[]).filter((name) => net || !needsNet(name));
  const events: ChaosEvent[] = [];
  for (let atMs = FIRST_MS; atMs < lengthMs; atMs += random.between(...GAP_MS)) {
    const fault = draw(random, names);
    const { stopMs }: FaultShape = FAULTS[fault];
    const durationMs = stopMs === undefined ? 0 : random.between(...stopMs);
    events.push({ atMs: Math.round(atMs), fault, pick: random.next(), durationMs: Math.round(durationMs) });
  }
  return [...events, ...restores(lengthMs)].toSorted((a, b) => a.atMs - b.atMs);
};

const needsNet = (name: FaultName): boolean => {
  const shape: FaultShape = FAULTS[name];
  return shape.needs === 'net';
};

const draw = (random: Random, names: readonly FaultName[]): FaultName => {
  let left = random.next() * names.reduce((sum, name) => sum + FAULTS[name].weight, 0);
  return names.find((name) => (left -= FAULTS[name].weight) < 0) ?? 'kill-application';
};

const restores = (lengthMs: number): readonly ChaosEvent[] => {
  const count = Math.max(1, Math.floor(lengthMs / RESTORE_EVERY_MS));
  const stretchMs = lengthMs / count;
  return Array.from({ length: count }, (_, index) => [
    event('snapshot', (index + 0.4) * stretchMs),
    event('restore', (index + 0.6) * stretchMs),
  ]).flat();
};

const event = (fault: FaultName, atMs: number): ChaosEvent => ({
  atMs: Math.round(atMs),
  fault,
  pick: 0,
  durationMs: 0,
});
