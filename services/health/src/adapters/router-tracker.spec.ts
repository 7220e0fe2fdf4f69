import { instanceId, type InstanceRecord, type MemberRecord } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { instance, versioned } from '../decide/fixtures.testing.js';
import type { Versions } from '../decide/input.js';
import { RouterTracker } from './router-tracker.js';

const member = (replica: string): MemberRecord => ({
  v: 1,
  replica: instanceId(replica),
  host: '127.0.0.1',
  site: instance('x', 'x').site,
  pid: 1,
  grpc: '',
  http: '',
  functions: ['router'],
  startedAtMs: 0,
});
const members = (...replicas: readonly string[]): Versions<MemberRecord> =>
  new Map(replicas.map((replica) => [replica, versioned(member(replica))]));
const records = (...ids: readonly string[]): Versions<InstanceRecord> =>
  new Map(ids.map((id) => [id, versioned(instance(id, 'mitosis-router', { class: 'management' }))]));

const leases = (
  tracker: RouterTracker,
  live: Versions<MemberRecord>,
  graph: Versions<InstanceRecord>,
  nowMs: number,
): Readonly<Record<string, number | null>> =>
  Object.fromEntries(
    tracker
      .routers(live, new Map(), graph, nowMs)
      .map(({ replica, leaseEndedAtMs }) => [replica, leaseEndedAtMs]),
  );

describe(RouterTracker.name, () => {
  it('remembers when a lease was seen to end, until the router is back', () => {
    const tracker = new RouterTracker();
    expect(leases(tracker, members('a', 'b'), records('a', 'b'), 1)).toEqual({ a: null, b: null });
    expect(leases(tracker, members('a'), records('a', 'b'), 5)).toEqual({ a: null, b: 5 });
    expect(leases(tracker, members('a'), records('a', 'b'), 9)).toEqual({ a: null, b: 5 });
    expect(leases(tracker, members('a', 'b'), records('a', 'b'), 10)).toEqual({ a: null, b: null });
  });

  it('takes a router that was gone before it looked for gone since it looked', () => {
    expect(leases(new RouterTracker(), members(), records('a'), 7)).toEqual({ a: 7 });
  });

  it('forgets one whose record went, for it was stopped, but not when the store went backwards', () => {
    const tracker = new RouterTracker();
    leases(tracker, members('a'), records('a'), 1);
    expect(leases(tracker, members(), records('a'), 2)).toEqual({ a: 2 });
    expect(leases(tracker, members(), records(), 3)).toEqual({});
    const restored = new RouterTracker();
    leases(restored, members('a'), records('a'), 1);
    restored.reset();
    expect(leases(restored, members(), records(), 2)).toEqual({ a: 2 });
  });

  it('keeps one that was never in the graph, for nobody knows whether it lives', () => {
    const tracker = new RouterTracker();
    leases(tracker, members('by-hand'), records(), 1);
    expect(leases(tracker, members(), records(), 2)).toEqual({ 'by-hand': 2 });
    expect(leases(tracker, members(), records(), 700_000)).toEqual({});
  });
});
