/**
 * Takes what the agents report into the records: running, ready, failed, completed. These are observations, not
 * decisions; nothing is concluded from an agent that is silent.
 */
import type { agent, InstancePhase, InstanceRecord } from '@mitosis/contracts';
import { attemptAfterFailure } from './backoff.js';
import { definitionOf } from './rollout.js';
import { componentOf, putInstances, sight, type World } from './world.js';

export const observe = (world: World): World => {
  const changed: InstanceRecord[] = [];
  for (const record of world.instances.values()) {
    const next = observed(world, record);
    if (next !== record) changed.push(next);
  }
  return putInstances(world, changed);
};

const observed = (world: World, record: InstanceRecord): InstanceRecord => {
  switch (record.phase) {
    case 'starting':
    case 'running':
    case 'ready':
      return observedUp(world, record);
    case 'draining':
      return observedDraining(world, record);
    case 'stopping':
    case 'completed':
    case 'failed':
      return record;
    default:
      return record.phase satisfies never;
  }
};

const observedUp = (world: World, record: InstanceRecord): InstanceRecord => {
  const refusal = world.input.outcomes.refused.get(record.id);
  if (record.phase === 'starting' && refusal !== undefined) {
    return failed(world, record, `its agent refused to start it: ${refusal}`);
  }
  const sighting = sight(world, record);
  switch (sighting.kind) {
    case 'unknown':
      return record;
    case 'absent':
      return observedAbsent(world, record);
    case 'seen':
      return record.class === 'management'
        ? observedManagement(world, record, sighting.status)
        : observedApplication(world, record, sighting.status);
    default:
      return sighting satisfies never;
  }
};

/** A record that was never seen to run is started (again); one that was, is lost to its host. */
const observedAbsent = (world: World, record: InstanceRecord): InstanceRecord => {
  if (record.phase !== 'starting') {
    return failed(world, record, 'its agent no longer knows of it, so it does not run');
  }
  const startable =
    record.class === 'management' ||
    world.input.spec === undefined ||
    definitionOf(world, record.component, record.version) !== undefined;
  return startable ? record : failed(world, record, 'how its version is run is no longer known');
};

const observedApplication = (
  world: World,
  record: InstanceRecord,
  status: agent.InstanceStatus,
): InstanceRecord => {
  switch (status.state) {
    case 'running':
      if (status.health === 'healthy') return up(world, record, status, 'ready', 'healthy');
      if (status.health === 'unhealthy' && record.phase !== 'ready') {
        return failed(world, record, `never became healthy: ${status.detail || 'its probe fails'}`);
      }
      // Ready stays ready without a verdict, for example while a new agent has not probed yet.
      return up(
        world,
        record,
        status,
        record.phase === 'ready' ? 'ready' : 'running',
        'runs, not yet healthy',
      );
    case 'exited':
      return exited(world, record, status);
    case 'stopped':
      return failed(world, record, 'its agent was told to stop it');
    default:
      return record;
  }
};

/** Their host's agent restarts them in place: an exit is no reason to give up the record. */
const observedManagement = (
  world: World,
  record: InstanceRecord,
  status: agent.InstanceStatus,
): InstanceRecord => {
  if (status.state === 'stopped') return failed(world, record, 'its agent was told to stop it');
  if (status.state === 'running') {
    const same = record.phase === 'ready' && status.startedAtMs <= record.sinceMs;
    const ready = status.health === 'healthy' || (same && status.health === 'unknown');
    return up(
      world,
      record,
      status,
      ready ? 'ready' : 'running',
      ready ? 'healthy' : `runs, ${status.health === 'unhealthy' ? 'unhealthy' : 'not yet healthy'}`,
    );
  }
  if (status.state === 'exited') {
    return up(
      world,
      record,
      status,
      'running',
      `ended (${status.detail || 'no detail'}); its agent restarts it`,
    );
  }
  return record;
};

const observedDraining = (world: World, record: InstanceRecord): InstanceRecord => {
  const sighting = sight(world, record);
  const dead =
    sighting.kind === 'absent' ||
    (sighting.kind === 'seen' && (sighting.status.state === 'exited' || sighting.status.state === 'stopped'));
  return dead
    ? { ...record, phase: 'stopping', sinceMs: world.input.nowMs, reason: 'ended while it was drained' }
    : record;
};

const up = (
  world: World,
  record: InstanceRecord,
  status: agent.InstanceStatus,
  phase: InstancePhase,
  reason: string,
): InstanceRecord => {
  const sameAddress = record.host === status.host && samePorts(record.ports, status.ports);
  if (record.phase === phase && sameAddress) return record;
  return {
    ...record,
    phase,
    host: status.host,
    ports: status.ports,
    ...(record.phase === phase ? {} : { sinceMs: world.input.nowMs, reason }),
  };
};

const samePorts = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, port]) => b[name] === port);

const exited = (world: World, record: InstanceRecord, status: agent.InstanceStatus): InstanceRecord => {
  const runOnce = componentOf(world, record.component)?.runOnce ?? false;
  if (runOnce && status.exitKnown && status.exitCode === 0) {
    return {
      ...record,
      phase: 'completed',
      sinceMs: world.input.nowMs,
      exitCode: 0,
      reason: 'ended with 0',
    };
  }
  const how = status.exitKnown
    ? `ended with ${status.exitCode}`
    : `ended, how is not known${status.detail === '' ? '' : `: ${status.detail}`}`;
  return failed(world, record, how, status.exitKnown ? status.exitCode : null);
};

const failed = (
  world: World,
  record: InstanceRecord,
  reason: string,
  exitCode: number | null = null,
): InstanceRecord => {
  const attempt = attemptAfterFailure(record, world.input.nowMs, componentOf(world, record.component));
  const { attempt: _, ...rest } = record;
  return {
    ...rest,
    phase: 'failed',
    sinceMs: world.input.nowMs,
    exitCode,
    reason,
    ...(attempt > 0 ? { attempt } : {}),
  };
};
