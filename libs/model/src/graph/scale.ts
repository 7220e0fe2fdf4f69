/** How many instances there may be, and by which policy the number is chosen. */
import type { Objective, Scale, ScalingPolicy } from '@mitosis/contracts';
import { child, numberOf, textOf } from '../source/node.js';
import { durationMs } from '../values/duration.js';
import { hasLatency } from './objective.js';
import { defaultTarget, policyOf } from './policy.js';
import { type Building, complain, extensionOf, type Service } from './service.js';

export const ONE: Scale = { min: 1, max: 1, initial: 1 };

export const scaleOf = (service: Service, runOnce: boolean, building: Building): Scale => {
  const { node } = service;
  const scale = numberOf(node, 'scale');
  const deployed = numberOf(node, 'deploy', 'replicas');
  if (scale !== undefined && deployed !== undefined && scale !== deployed)
    complain(
      building,
      service,
      ['scale'],
      `scale says ${scale}, deploy.replicas says ${deployed}`,
      'keep one of the two, or make them equal',
    );
  const said = deployed ?? scale;
  const bounds = child(extensionOf(service), 'scale');
  if (runOnce) return onceOnly(service, said, building);
  if (bounds === undefined) return { min: said ?? 1, max: said ?? 1, initial: said ?? 1 };
  const max = numberOf(bounds, 'max');
  const min = numberOf(bounds, 'min') ?? Math.min(said ?? 1, max ?? Number.POSITIVE_INFINITY);
  return within(service, min, max ?? Math.max(min, said ?? 1), said, building);
};

const within = (
  service: Service,
  min: number,
  max: number,
  said: number | undefined,
  building: Building,
): Scale => {
  const keys = ['x-mitosis', 'scale'];
  if (min > max)
    complain(building, service, keys, `min ${min} is more than max ${max}`, `write max: ${min} or more`);
  else if (said !== undefined && (said < min || said > max))
    complain(
      building,
      service,
      keys,
      `${said} instances at birth (deploy.replicas) are outside of ${min}..${max}`,
      `write deploy.replicas: ${Math.min(max, Math.max(min, said))}, or widen the scale`,
    );
  return { min, max, initial: Math.min(max, Math.max(min, said ?? min)), ...idleOf(service, min, building) };
};

/** Only what may go to zero has a time after which it does. */
const idleOf = (service: Service, min: number, building: Building): Pick<Scale, 'idleMs'> => {
  const idleMs = durationMs(textOf(extensionOf(service), 'scale', 'idle') ?? '');
  if (idleMs === undefined) return {};
  if (min > 0)
    complain(
      building,
      service,
      ['x-mitosis', 'scale'],
      `idle says when the last instance goes, and min is ${min}`,
      'write min: 0, or remove idle',
    );
  return { idleMs };
};

const onceOnly = (service: Service, said: number | undefined, building: Building): Scale => {
  if (child(extensionOf(service), 'scale') !== undefined || (said !== undefined && said !== 1))
    building.problems.warn(
      service.at,
      service.path,
      'others wait for its completion, so it runs once: its scale is not used',
      'remove scale and replicas',
    );
  return ONE;
};

/** By default `slo` where there is a latency to hold and room to do it, `fixed` where there is no room, else `target`. */
export const scalingPolicyOf = (
  service: Service,
  scale: Scale,
  own: Objective | null,
  level: Objective | null,
  building: Building,
): ScalingPolicy => {
  const latency = hasLatency(own) || hasLatency(level);
  const said = policyOf(service, building);
  if (said === undefined) {
    if (scale.min === scale.max) return { kind: 'fixed' };
    return latency ? { kind: 'slo', holdMs: 0 } : defaultTarget;
  }
  const usesSlo =
    said.kind === 'combine' ? said.policies.some(({ kind }) => kind === 'slo') : said.kind === 'slo';
  if (usesSlo && !latency)
    complain(
      building,
      service,
      ['x-mitosis', 'policy'],
      'policy slo has no latency to hold',
      'add objective: { p95: 300ms } to the component or to the composition, or take policy: target',
    );
  return said;
};
