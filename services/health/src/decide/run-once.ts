/**
 * Components that run to completion once per version. A completed record is the memory of that; it stays until the
 * component is given another version or leaves the composition.
 */
import type { Component, InstanceRecord } from '@mitosis/contracts';
import { restartVerdict } from './backoff.js';
import { leave } from './leave.js';
import { obstacleTo } from './obstacles.js';
import { placesOf, type Places } from './places.js';
import {
  basedOn,
  decided,
  deleteInstances,
  isGone,
  isUp,
  newInstanceId,
  newRecord,
  putInstances,
  recordsOf,
  waitFor,
  type World,
} from './world.js';

export const decideRunOnce = (world: World, component: Component): World => {
  const next = retirePastVersions(world, component);
  const records = recordsOf(next, component.name);
  const failed = records.filter(({ phase }) => phase === 'failed');
  if (records.some((record) => record.phase !== 'failed' && record.phase !== 'stopping')) return next;
  const answer = placesOf(next, component);
  if (answer.kind === 'unknown') {
    return waitFor(next, { component: component.name, on: answer.on, reason: answer.reason });
  }
  const last = failed.at(-1);
  return last === undefined
    ? start(next, component, answer.places, 0, 'it runs once in this version')
    : runAgain(next, component, answer.places, last);
};

const retirePastVersions = (world: World, component: Component): World => {
  let next = world;
  for (const record of recordsOf(world, component.name)) {
    if (record.version === component.version) continue;
    if (record.phase === 'failed') {
      if (isGone(next, record)) next = deleteInstances(next, [record.id]);
    } else if (record.phase === 'completed') {
      next = leave(next, { component }, record, { action: 'roll', reason: 'another version has to run' });
    } else if (isUp(record)) {
      // Half a job of each version is worse than a late one.
      const reason = `${record.id} of version ${record.version} has not ended`;
      next = waitFor(next, { component: component.name, on: 'predecessor', reason });
    }
  }
  return next;
};

const runAgain = (world: World, component: Component, places: Places, failed: InstanceRecord): World => {
  if (failed.version !== component.version) return world;
  const verdict = restartVerdict(failed, component.restart, world.input.nowMs);
  const name = component.name;
  if (verdict.kind === 'never') {
    return waitFor(world, { component: name, on: 'restart policy', reason: verdict.reason });
  }
  if (verdict.kind === 'later') {
    const reason = `${failed.id} failed: ${failed.reason}`;
    return waitFor(world, { component: name, on: 'back-off', reason }, verdict.atMs);
  }
  if (!isGone(world, failed)) {
    return waitFor(world, { component: name, on: 'predecessor', reason: `${failed.id} may still run` });
  }
  const started = start(world, component, places, (failed.attempt ?? 0) + 1, `${failed.id} ${failed.reason}`);
  return started === world ? world : deleteInstances(started, [failed.id]);
};

const start = (
  world: World,
  component: Component,
  places: Places,
  attempt: number,
  reason: string,
): World => {
  const [site] = places.bySite.keys();
  if (site === undefined) {
    return waitFor(world, { component: component.name, on: 'placement', reason: 'it fits on no site' });
  }
  // Two runs of one job at a time are as wrong as two instances of an exclusive component.
  const obstacle = obstacleTo(world, { ...component, exclusive: true }, site);
  if (obstacle !== undefined) return waitFor(world, { component: component.name, ...obstacle });
  const id = newInstanceId(world, component.name);
  const [next, decision] = decided(world, {
    component: component.name,
    action: 'start',
    change: `+${id} on ${site}`,
    reason,
    inputs: { version: component.version, attempt },
  });
  const record = newRecord(next, {
    id,
    component: component.name,
    class: 'application',
    version: component.version,
    site,
    attempt,
    reason,
    decision,
  });
  return basedOn(putInstances(next, [record]), ...places.basis);
};
