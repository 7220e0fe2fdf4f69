/**
 * The instances of one component: started by a change of its target, ready after their start time, the youngest gone
 * first. Makes the very records that health would write, so that the autoscaler measures start times itself.
 */
import {
  componentName,
  decisionId,
  instanceId,
  siteId,
  type Endpoint,
  type EndpointsRecord,
  type InstanceRecord,
  type TargetRecord,
} from '@mitosis/contracts';

interface Member {
  record: InstanceRecord;
  readonly readyAtMs: number;
  endpoint: Endpoint | null;
}

const SITE = siteId('simulated');
const DECISION = decisionId('simulated');

export interface PoolStart {
  readonly component: string;
  readonly version: string;
  readonly count: number;
  readonly nowMs: number;
}

export class InstancePool {
  /** Instances that take requests. */
  ready = 0;
  /** Started since the beginning, and changes of the target. */
  starts = 0;
  actions = 0;
  target: TargetRecord;
  /** Replaced, never changed, so that who remembers them sees by identity that nothing happened. */
  records: readonly InstanceRecord[] = [];
  endpoints: EndpointsRecord;
  /** When the next instance becomes ready; Infinity: none is starting. */
  nextReadyMs = Infinity;
  private members: Member[] = [];
  private sequence = 0;

  /** `startMs`: the time the next instance will take to start. */
  constructor(
    private readonly begin: PoolStart,
    private readonly startMs: () => number,
  ) {
    this.target = this.targetOf(begin.count, begin.nowMs);
    this.endpoints = { v: 1, component: componentName(begin.component), endpoints: [] };
    this.reset(begin.count, begin.nowMs);
  }

  get count(): number {
    return this.members.length;
  }

  /** Lets those become ready whose time has come. */
  advance(nowMs: number): void {
    if (nowMs < this.nextReadyMs) return;
    for (const member of this.members) {
      if (member.endpoint === null && member.readyAtMs <= nowMs) {
        member.endpoint = {
          instance: member.record.id,
          host: '127.0.0.1',
          ports: {},
          state: 'ready',
          readySinceMs: member.readyAtMs,
        };
        member.record = { ...member.record, phase: 'ready', sinceMs: member.readyAtMs };
      }
    }
    this.publish();
  }

  /** Begins anew with `count` instances that are ready. */
  reset(count: number, nowMs: number): void {
    this.members = [];
    for (let i = 0; i < count; i += 1) this.add(nowMs - 2 * this.startMs());
    this.target = this.targetOf(count, nowMs);
    this.starts = 0;
    this.actions = 0;
    this.nextReadyMs = nowMs;
    this.advance(nowMs);
  }

  /** The target is `count` from now on. */
  scaleTo(count: number, nowMs: number): void {
    if (count === this.target.count) return;
    this.actions += 1;
    this.target = this.targetOf(count, nowMs);
    while (this.members.length < count) this.add(nowMs);
    // Those still starting are the youngest: they go first, as health would choose.
    this.members.length = Math.min(this.members.length, count);
    this.publish();
  }

  private add(createdAtMs: number): void {
    this.sequence += 1;
    this.starts += 1;
    const id = instanceId(`${this.begin.component}-${this.sequence.toString(36).padStart(6, '0')}`);
    const record: InstanceRecord = {
      v: 1,
      id,
      component: componentName(this.begin.component),
      class: 'application',
      version: this.begin.version,
      site: SITE,
      phase: 'starting',
      sinceMs: createdAtMs,
      createdAtMs,
      host: '',
      ports: {},
      exitCode: null,
      reason: '',
      decision: DECISION,
    };
    this.members.push({ record, readyAtMs: createdAtMs + Math.max(1, this.startMs()), endpoint: null });
  }

  private publish(): void {
    const ready: Endpoint[] = [];
    const records: InstanceRecord[] = [];
    let nextReadyMs = Infinity;
    for (const { record, endpoint, readyAtMs } of this.members) {
      records.push(record);
      if (endpoint !== null) ready.push(endpoint);
      else if (readyAtMs < nextReadyMs) nextReadyMs = readyAtMs;
    }
    this.ready = ready.length;
    this.records = records;
    this.endpoints = { ...this.endpoints, endpoints: ready };
    this.nextReadyMs = nextReadyMs;
  }

  private targetOf(count: number, atMs: number): TargetRecord {
    return {
      v: 1,
      component: componentName(this.begin.component),
      count,
      generation: 1,
      atMs,
      reason: '',
      decision: DECISION,
    };
  }
}
