/** What a tour found, as one document: `report.json`, and what the page and the last lines are made of. */
import type { DecisionRecord } from '@mitosis/contracts';
import type { Summary } from '../load/statistics.js';
import type { FaultId, PhaseId } from '../plan.js';
import type { Stolen } from '../stolen-time.js';

export interface PhaseReport {
  readonly id: PhaseId;
  readonly title: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Everything that was meant to be sent in the phase. */
  readonly all: Summary;
  /** Without its first seconds, in which the change may still show. */
  readonly settled: Summary;
  readonly settledFromMs: number;
}

export interface FaultReport {
  readonly id: FaultId;
  readonly title: string;
  /** What was done, to whom. */
  readonly what: string;
  readonly atMs: number;
  /** First trace of it in what the level knows or decides; null: none was seen. */
  readonly detectedAtMs: number | null;
  /** As good as before; null: not while the tour looked. */
  readonly recoveredAtMs: number | null;
  readonly boundS: number;
  /** What replaced what. */
  readonly outcome: string;
}

/** Instances of one component at one moment. */
export interface InstancePoint {
  readonly atMs: number;
  readonly level: string;
  readonly component: string;
  readonly ready: number;
  readonly wanted: number;
}

export interface BindingPoint {
  readonly atMs: number;
  readonly component: string;
  readonly active: string;
}

export interface LeaderPoint {
  readonly atMs: number;
  readonly level: string;
  readonly fn: string;
  readonly replica: string;
}

export interface SecondPoint {
  readonly atMs: number;
  readonly sent: number;
  readonly ok: number;
  readonly failed: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

export interface LevelDecision extends DecisionRecord {
  readonly level: string;
}

export interface Criterion {
  readonly text: string;
  readonly held: boolean;
  /** The numbers behind it. */
  readonly found: string;
}

export interface TourFacts {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly readyAfterMs: number | null;
  readonly paused: readonly string[];
  readonly phases: readonly PhaseReport[];
  readonly faults: readonly FaultReport[];
  readonly instances: readonly InstancePoint[];
  readonly bindings: readonly BindingPoint[];
  readonly leaders: readonly LeaderPoint[];
  readonly seconds: readonly SecondPoint[];
  readonly decisions: readonly LevelDecision[];
  readonly disposal: Disposal | null;
  /** Processor time that the host of this virtual machine gave to others; null: the system does not tell. */
  readonly stolen: Stolen | null;
  /** What kept the tour from going on; empty: nothing. */
  readonly broken: string;
}

export interface Disposal {
  readonly tookMs: number;
  readonly orderly: boolean;
  /** Processes of the host that still ran afterwards; null: could not be looked at on this system. */
  readonly strays: readonly string[] | null;
}

export interface TourReport extends TourFacts {
  readonly verdict: 'held' | 'failed';
  readonly criteria: readonly Criterion[];
  readonly objective: { readonly p95Ms: number; readonly errorRatio: number };
  readonly startingCapacity: number;
  readonly peakRate: number;
  readonly machine: Readonly<Record<string, string | number>>;
}
