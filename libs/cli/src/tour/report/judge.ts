/** From the facts of a tour to its verdict. Pure: the same facts give the same verdict, and each criterion its numbers. */
import { LOAD_FACTOR, OBJECTIVE, PEAK_RATE, STARTING_CAPACITY, type FaultId, type PhaseId } from '../plan.js';
import type { Criterion, FaultReport, PhaseReport, TourFacts, TourReport } from './report.js';

/** `kept`: the tour left everything running, so there is no disposal to judge. */
export const judge = (
  facts: TourFacts,
  kept: boolean,
  expected: { readonly phases: readonly PhaseId[]; readonly faults: readonly FaultId[] },
  machine: TourReport['machine'],
): TourReport => {
  const criteria = [
    birthCriterion(facts),
    ...expected.phases.flatMap((id) => phaseCriteria(id, facts)),
    loadCriterion(facts),
    ...expected.faults.map((id) => faultCriterion(id, facts)),
    ...scalingCriteria(facts),
    ...(kept ? [] : [disposalCriterion(facts)]),
    ...(facts.broken === '' ? [] : [{ text: 'the tour went through', held: false, found: facts.broken }]),
  ];
  return {
    ...facts,
    verdict: criteria.every((criterion) => criterion.held) ? 'held' : 'failed',
    criteria,
    objective: OBJECTIVE,
    startingCapacity: STARTING_CAPACITY,
    peakRate: PEAK_RATE,
    machine,
  };
};

const birthCriterion = ({ readyAfterMs }: TourFacts): Criterion => ({
  text: 'the shop becomes ready',
  held: readyAfterMs !== null,
  found: readyAfterMs === null ? 'not in time' : `after ${(readyAfterMs / 1_000).toFixed(1)} s`,
});

const phaseCriteria = (id: PhaseId, facts: TourFacts): readonly Criterion[] => {
  const phase = facts.phases.find((one) => one.id === id);
  if (phase === undefined)
    return [{ text: `${id}: took place`, held: false, found: 'the tour did not get there' }];
  return [errorCriterion(phase), latencyCriterion(phase)];
};

const errorCriterion = ({ title, all }: PhaseReport): Criterion => ({
  text: `${title}: at most ${OBJECTIVE.errorRatio * 100} % of requests fail`,
  held: all.sent > 0 && all.errorRatio <= OBJECTIVE.errorRatio,
  found: `${all.failed} of ${all.sent} (${(all.errorRatio * 100).toFixed(2)} %)`,
});

const latencyCriterion = ({ title, settled, settledFromMs, fromMs }: PhaseReport): Criterion => {
  const after =
    settledFromMs > fromMs ? ` after its first ${Math.round((settledFromMs - fromMs) / 1_000)} s` : '';
  return {
    text: `${title}: p95 at most ${OBJECTIVE.p95Ms} ms${after}`,
    held: settled.p95Ms !== null && settled.p95Ms <= OBJECTIVE.p95Ms,
    found: settled.p95Ms === null ? 'no request' : `${Math.round(settled.p95Ms)} ms`,
  };
};

/** Answers, not only requests: what was served per second while the load was at its highest. */
const loadCriterion = (facts: TourFacts): Criterion => {
  const peak = facts.phases.find((phase) => phase.id === 'peak');
  const seconds = peak === undefined ? 0 : (peak.toMs - peak.settledFromMs) / 1_000;
  const served = peak === undefined || seconds <= 0 ? 0 : (peak.settled.sent - peak.settled.failed) / seconds;
  const needed = LOAD_FACTOR * STARTING_CAPACITY;
  return {
    text: `at its peak at least ${LOAD_FACTOR} times what the starting instances can serve is served`,
    held: served >= needed,
    found: `${served.toFixed(0)} requests per second served, ${needed.toFixed(0)} needed`,
  };
};

const faultCriterion = (id: FaultId, facts: TourFacts): Criterion => {
  const fault = facts.faults.find((one) => one.id === id);
  if (fault === undefined)
    return { text: `${id}: recovered`, held: false, found: 'the tour did not get there' };
  const seconds = recoverySeconds(fault);
  return {
    text: `${fault.title}: recovered within ${fault.boundS} s`,
    held: seconds !== null && seconds <= fault.boundS,
    found: seconds === null ? 'not recovered while the tour looked' : `after ${seconds.toFixed(1)} s`,
  };
};

export const recoverySeconds = (fault: FaultReport): number | null =>
  fault.recoveredAtMs === null ? null : Math.max(0, fault.recoveredAtMs - fault.atMs) / 1_000;

export const detectionSeconds = (fault: FaultReport): number | null =>
  fault.detectedAtMs === null ? null : Math.max(0, fault.detectedAtMs - fault.atMs) / 1_000;

const ENTRY = 'web';

/** Ready instances of the entry at the end of a phase; null: not known. */
const readyAt = (facts: TourFacts, id: PhaseId): number | null => {
  const phase = facts.phases.find((one) => one.id === id);
  if (phase === undefined) return null;
  const seen = facts.instances.filter((point) => point.component === ENTRY && point.atMs <= phase.toMs);
  return seen.at(-1)?.ready ?? null;
};

const scalingCriteria = (facts: TourFacts): readonly Criterion[] => {
  const before = readyAt(facts, 'steady');
  const peak = readyAt(facts, 'peak');
  const after = readyAt(facts, 'fall');
  const known = (count: number | null): string => (count === null ? 'unknown' : String(count));
  return [
    {
      text: `instances of ${ENTRY} come with the load`,
      held: before !== null && peak !== null && peak > before,
      found: `${known(before)} before, ${known(peak)} at the peak`,
    },
    {
      text: `instances of ${ENTRY} leave with the load`,
      held: peak !== null && after !== null && after < peak,
      found: `${known(peak)} at the peak, ${known(after)} at the end`,
    },
  ];
};

const disposalCriterion = ({ disposal }: TourFacts): Criterion => {
  const strays = disposal?.strays ?? [];
  const count = strays.length === 0 ? 'nothing left' : `still there: ${strays.join('; ')}`;
  return {
    text: 'disposal is orderly and leaves no process',
    held: disposal !== null && disposal.orderly && strays.length === 0,
    found:
      disposal === null ? 'did not take place' : `${disposal.orderly ? 'orderly' : 'by force'}, ${count}`,
  };
};
