/** What runs in a manager: the five functions of `mitosisd`, and what of them others call. */
import { AutoscalerReconciler } from '@mitosis/autoscaler/shell';
import { ComposerReconciler } from '@mitosis/composer/shell';
import type { composer, FunctionName } from '@mitosis/contracts';
import { HealthReconciler } from '@mitosis/health/shell';
import { MonitorReconciler } from '@mitosis/monitor/shell';
import { PlacerReconciler } from '@mitosis/placer/shell';
import type { FunctionShell } from '@mitosis/service-kit';
import type { StreamSource } from '../world/sim-peers.js';
import type { Role } from './management-process.js';

/** Shorter than the minute of production, so that a run of a minute sees scale-ins. */
const HOLD_MS = 5_000;

/** What a simulated manager runs: a service that is added to a level is not simulated until it is added here. */
const MANAGER_FUNCTIONS = [
  'monitor',
  'health',
  'autoscaler',
  'composer',
  'placer',
] as const satisfies readonly FunctionName[];
export const SIMULATED_FUNCTIONS: readonly FunctionName[] = [...MANAGER_FUNCTIONS, 'router'];

export const managerRole = (): Role => {
  const monitor = new MonitorReconciler();
  const health = new HealthReconciler();
  const autoscaler = new AutoscalerReconciler({ holdMs: HOLD_MS, sizeSampleMs: 60_000, outside: '' });
  const composer = new ComposerReconciler();
  const placer = new PlacerReconciler();
  const byName = { monitor, health, autoscaler, composer, placer };
  const shells = new Map<FunctionName, FunctionShell>(MANAGER_FUNCTIONS.map((name) => [name, byName[name]]));
  const unary = new Map<string, (request: unknown) => unknown>([
    ['health.composite', () => health.composite()],
    ['monitor.summary', () => monitor.summary()],
    [
      'composer.apply',
      (request) => {
        const { typeGraphJson, expectedGeneration } = request as composer.ApplyRequest;
        return composer.commands.apply(typeGraphJson, expectedGeneration);
      },
    ],
  ]);
  const streams = new Map<string, StreamSource>([
    [
      'monitor.watch',
      (_, send) => {
        const subscription = monitor.watch().subscribe({ next: send, error: () => undefined });
        return () => subscription.unsubscribe();
      },
    ],
  ]);
  return { shells, unary, streams };
};
