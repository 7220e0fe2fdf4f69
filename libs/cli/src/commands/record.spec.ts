import type { InstanceGraphView, InstanceRecord, monitor } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { secondOf } from './record.command.js';

const window = (known: boolean): monitor.Window => ({
  known,
  seconds: 1,
  rate: 20,
  errorRatio: 0,
  p50Ms: 10,
  p95Ms: 30,
  p99Ms: 40,
  meanMs: 12,
  histogram: undefined,
});

const seen = (component: string, known: boolean): monitor.ComponentSnapshot => ({
  component,
  freshAtMs: 5,
  last1: window(known),
  last10: window(known),
  last60: window(known),
  inFlight: 6,
  queued: 2,
  rejectedRate: 0,
  resourcesKnown: known,
  cpuCores: 0.4,
  memoryBytes: 100,
  instancesSeen: 2,
  targets: [],
});

const instance = (id: string, phase: string, sinceMs: number): InstanceRecord =>
  ({
    id,
    component: 'web',
    class: 'application',
    phase,
    createdAtMs: 1_000,
    sinceMs,
  }) as unknown as InstanceRecord;

const graph = (...instances: readonly InstanceRecord[]): InstanceGraphView =>
  ({ instances }) as unknown as InstanceGraphView;

const snapshot = {
  level: 'shop',
  atMs: 9,
  complete: true,
  components: [seen('web', true), seen('mute', false)],
};

describe('mitosis record', () => {
  it('writes what is known and leaves out what is not, never zeros', () => {
    const second = secondOf(
      snapshot,
      graph(instance('a', 'ready', 4_000), instance('b', 'starting', 1_500)),
      new Set(),
    );
    expect(second.components).toEqual({
      web: { rate: 20, meanMs: 12, p95Ms: 30, inFlight: 4, cpuCores: 0.4, memoryBytes: 50, instances: 1 },
    });
  });

  it('tells each start-up time once', () => {
    const told = new Set<string>();
    const first = secondOf(snapshot, graph(instance('a', 'ready', 4_000)), told);
    const next = secondOf(
      snapshot,
      graph(instance('a', 'ready', 4_000), instance('b', 'ready', 3_500)),
      told,
    );
    expect(first.starts).toEqual({ web: [3_000] });
    expect(next.starts).toEqual({ web: [2_500] });
  });
});
