/**
 * What a decision of health is: record changes to commit in one fenced transaction each, and the acts that phases which
 * are already committed allow. A plan leaves no choice to whoever carries it out.
 */
import type { agent, DecisionRecord, InstanceId, LevelId, SiteId } from '@mitosis/contracts';

export type RecordWrite =
  | { readonly kind: 'put'; readonly key: string; readonly value: unknown }
  | { readonly kind: 'delete'; readonly key: string };

/** Revision a key was seen at; 0: absent. */
export interface Seen {
  readonly key: string;
  readonly modRevision: number;
}

/** Together or not at all. */
export interface Change {
  readonly writes: readonly RecordWrite[];
  readonly compares: readonly Seen[];
  readonly decisions: readonly DecisionRecord[];
}

export type Act =
  | {
      readonly kind: 'start';
      readonly id: InstanceId;
      readonly site: SiteId;
      readonly agent: string;
      readonly spec: agent.InstanceSpec;
      readonly decision: string;
    }
  | {
      readonly kind: 'stop';
      readonly id: InstanceId;
      readonly site: SiteId;
      readonly agent: string;
      /** How long the call may take: the instance's own grace and the time to kill. */
      readonly deadlineMs: number;
      readonly reason: string;
      readonly decision: string;
    }
  | {
      readonly kind: 'listen';
      readonly site: SiteId;
      readonly agent: string;
      readonly listeners: readonly agent.ListenerRequest[];
      readonly decision: string;
    }
  | {
      readonly kind: 'release';
      readonly site: SiteId;
      readonly agent: string;
      readonly listeners: readonly agent.ListenerRequest[];
      readonly decision: string;
    }
  | {
      readonly kind: 'birth';
      readonly component: string;
      /** Component and incarnation, as outcomes name it. */
      readonly key: string;
      readonly agent: string;
      /** Without the act header: the shell adds it. */
      readonly request: Omit<agent.BirthRequest, 'act'>;
      readonly decision: string;
    }
  | {
      readonly kind: 'purge';
      readonly component: string;
      readonly key: string;
      readonly level: LevelId;
      readonly agent: string;
    }
  /** This replica gives up health's leadership to a replica of the wanted release. */
  | { readonly kind: 'resign'; readonly release: string }
  /** A change of the etcd cluster; idempotent by peer URL or member id, for it cannot be fenced. */
  | { readonly kind: 'etcd-add'; readonly peerUrl: string }
  | { readonly kind: 'etcd-promote' | 'etcd-remove'; readonly member: string };

/** Why something that is wanted does not happen now. */
export interface Wait {
  readonly component: string;
  /** `placement`, `dependency`, `listeners`, `back-off`, `acknowledgements`, … */
  readonly on: string;
  readonly reason: string;
}

export interface HealthPlan {
  readonly changes: readonly Change[];
  readonly acts: readonly Act[];
  readonly waits: readonly Wait[];
  /** Earliest moment at which time alone changes the plan; Infinity: never. */
  readonly wakeAtMs: number;
}

/** Names an act: at most one of a name is under way at a time. */
export const actKey = (act: Act): string => {
  switch (act.kind) {
    case 'start':
    case 'stop':
      return `${act.kind}:${act.id}`;
    case 'listen':
    case 'release':
      return `${act.kind}:${act.site}`;
    case 'birth':
    case 'purge':
      return `${act.kind}:${act.component}`;
    case 'resign':
      return act.kind;
    case 'etcd-add':
      return `${act.kind}:${act.peerUrl}`;
    case 'etcd-promote':
    case 'etcd-remove':
      return `${act.kind}:${act.member}`;
    default:
      return act satisfies never;
  }
};
