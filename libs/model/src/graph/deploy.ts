/** `deploy`: resources, restart policy and update policy of a component. */
import type { ResourceAmount, Resources, RestartPolicy, UpdatePolicy } from '@mitosis/contracts';
import { numberOf, type Node, child, textOf } from '../source/node.js';
import { byteSize } from '../values/bytes.js';
import { durationMs } from '../values/duration.js';
import { ratio } from '../values/ratio.js';
import type { Building, Service } from './service.js';

/** An instance that ran this long starts over with its attempts; what Mitosis uses for its own processes, too. */
const RESTART_WINDOW_MS = 10_000;
/** How long a new instance is watched before the next one is replaced: Docker's default. */
const MONITOR_MS = 5_000;

export const NO_RESOURCES: Resources = {
  limits: { cpus: 0, memoryBytes: 0, pids: 0 },
  reservations: { cpus: 0, memoryBytes: 0, pids: 0 },
};

const ms = (node: Node | undefined, key: string, fallback: number): number =>
  durationMs(textOf(node, key) ?? '') ?? fallback;

export const resourcesOf = ({ node }: Service): Resources => {
  const limits = child(node, 'deploy', 'resources', 'limits');
  const reservations = child(node, 'deploy', 'resources', 'reservations');
  // Docker's -1 and our 0 both mean: no limit.
  const pids = Math.max(0, numberOf(limits, 'pids') ?? numberOf(node, 'pids_limit') ?? 0);
  return {
    limits: amount(limits, numberOf(node, 'cpus'), textOf(node, 'mem_limit'), pids),
    reservations: amount(reservations, undefined, textOf(node, 'mem_reservation'), 0),
  };
};

const amount = (
  node: Node | undefined,
  cpus: number | undefined,
  memory: string | undefined,
  pids: number,
): ResourceAmount => ({
  cpus: numberOf(node, 'cpus') ?? cpus ?? 0,
  memoryBytes: byteSize(textOf(node, 'memory') ?? memory ?? '0') ?? 0,
  pids,
});

/** Mitosis heals what is not told otherwise: the default is `any`, and for run-once components `on-failure`. */
export const restartOf = ({ node }: Service, runOnce: boolean): RestartPolicy => {
  const policy = child(node, 'deploy', 'restart_policy');
  const [word, times] = (textOf(node, 'restart') ?? '').split(':');
  const short = { no: 'none', always: 'any', 'unless-stopped': 'any', 'on-failure': 'on-failure' }[
    word ?? ''
  ];
  const said = textOf(policy, 'condition') ?? (policy === undefined ? short : 'any');
  return {
    condition: conditionOf(said, runOnce),
    delayMs: ms(policy, 'delay', 0),
    maxAttempts: numberOf(policy, 'max_attempts') ?? Number(times ?? 0),
    windowMs: ms(policy, 'window', RESTART_WINDOW_MS),
  };
};

const conditionOf = (said: string | undefined, runOnce: boolean): RestartPolicy['condition'] => {
  if (said === 'none' || said === 'on-failure') return said;
  // What ends by itself must not be started again because it ended well.
  return runOnce ? 'on-failure' : 'any';
};

export const updateOf = (service: Service, exclusive: boolean, { problems }: Building): UpdatePolicy => {
  const config = child(service.node, 'deploy', 'update_config');
  const order = textOf(config, 'order');
  if (exclusive && order === 'start-first')
    problems.warn(
      child(config, 'order')?.at ?? service.at,
      `${service.path}.deploy.update_config.order`,
      'an exclusive component is stopped first',
      'write stop-first, or x-mitosis: { exclusive: false }',
    );
  const failure = textOf(config, 'failure_action');
  return {
    parallelism: numberOf(config, 'parallelism') ?? 1,
    delayMs: ms(config, 'delay', 0),
    monitorMs: ms(config, 'monitor', MONITOR_MS),
    failureAction: failure === 'continue' || failure === 'rollback' ? failure : 'pause',
    maxFailureRatio: ratio(textOf(config, 'max_failure_ratio') ?? '0') ?? 0,
    order: exclusive || order === 'stop-first' ? 'stop-first' : 'start-first',
  };
};
