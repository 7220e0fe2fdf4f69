/** What every function shows at `/metrics`; one instance per process, labels bounded by the list of functions. */
import type { FunctionName } from '@mitosis/contracts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { PassResult } from '../function.js';

export interface RunnerMetrics {
  passed(fn: FunctionName, kind: PassResult['kind'], durationMs: number): void;
  leading(fn: FunctionName, leads: boolean): void;
}

export const createRunnerMetrics = (registry: Registry): RunnerMetrics => {
  const registers = [registry];
  const passes = new Counter({
    name: 'mitosis_passes_total',
    help: 'Passes of a leading function by what came out of them',
    labelNames: ['function', 'kind'],
    registers,
  });
  const duration = new Histogram({
    name: 'mitosis_pass_duration_seconds',
    help: 'How long a pass took',
    labelNames: ['function'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const leader = new Gauge({
    name: 'mitosis_leader',
    help: '1 while this replica leads the function',
    labelNames: ['function'],
    registers,
  });
  return {
    passed: (fn, kind, durationMs) => {
      passes.inc({ function: fn, kind });
      duration.observe({ function: fn }, durationMs / 1_000);
    },
    leading: (fn, leads) => leader.set({ function: fn }, leads ? 1 : 0),
  };
};
