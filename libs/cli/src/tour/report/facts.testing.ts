/** Facts of a tour that went well, made up but of the shape of real ones, for tests and for looking at the page. */
import { decisionId } from '@mitosis/contracts';
import type { Sample } from '../load/sample.js';
import { bySecond, summarise, within } from '../load/statistics.js';
import { dueS, kindOf, rateAt } from '../load/profile.js';
import { KINDS, PHASES } from '../plan.js';
import type { FaultReport, InstancePoint, LevelDecision, PhaseReport, TourFacts } from './report.js';

const START_MS = Date.UTC(2026, 0, 1, 12);

const sampleAt = (atMs: number, n: number, slow: boolean): Sample => {
  const kind = kindOf(KINDS, n);
  const latencyMs = 90 + (n % 17) * 6 + (n % 53 === 0 ? 90 : 0) + (slow && kind === 1 ? 1_450 : 0);
  return {
    atMs,
    latencyMs,
    kind,
    outcome: 'ok',
    status: 200,
    firstTry: '',
    degraded: false,
    provider: kind === 1 ? 'acme' : '',
  };
};

interface Played {
  readonly samples: readonly Sample[];
  readonly phases: readonly PhaseReport[];
}

const play = (): Played => {
  const samples: Sample[] = [];
  const spans = PHASES.map((plan, at) => {
    const fromMs = START_MS + PHASES.slice(0, at).reduce((sum, before) => sum + before.minS * 1_000, 0);
    const toMs = fromMs + plan.minS * 1_000;
    for (let n = 0; dueS(plan.load, n) * 1_000 < toMs - fromMs; n += 1) {
      const dueMs = dueS(plan.load, n) * 1_000;
      samples.push(sampleAt(fromMs + dueMs, n, plan.id === 'provider-slow' && dueMs < 6_000));
    }
    const settledFromMs = fromMs + plan.settleS * 1_000;
    return { plan, fromMs, toMs, settledFromMs };
  });
  const phases = spans.map(({ plan, fromMs, toMs, settledFromMs }) => ({
    id: plan.id,
    title: plan.title,
    fromMs,
    toMs,
    settledFromMs,
    all: summarise(within(samples, fromMs, toMs)),
    settled: summarise(within(samples, settledFromMs, toMs)),
  }));
  return { samples, phases };
};

const instancesOf = (phases: readonly PhaseReport[]): readonly InstancePoint[] =>
  phases.flatMap((phase) => {
    const plan = PHASES.find((one) => one.id === phase.id)!;
    const points: InstancePoint[] = [];
    for (let atMs = phase.fromMs; atMs < phase.toMs; atMs += 500) {
      const rate = rateAt(plan.load, (atMs - phase.fromMs) / 1_000);
      const point = (level: string, component: string, ready: number): InstancePoint => ({
        atMs,
        level,
        component,
        ready,
        wanted: ready,
      });
      points.push(point('shop', 'web', Math.max(2, Math.ceil(rate / 20))));
      points.push(point('shop.catalog', 'api', Math.max(2, Math.ceil(rate / 42))));
      points.push(point('shop', 'payment-local', 1));
    }
    return points;
  });

const decisionOf = (over: Partial<LevelDecision>): LevelDecision => ({
  v: 1,
  id: decisionId(`d-${over.atMs ?? 0}`),
  level: 'shop',
  function: 'autoscaler',
  atMs: START_MS,
  epoch: { incarnation: 1, revision: 7 },
  component: 'web',
  action: 'scale',
  change: '2 → 3',
  reason: 'predicted p95 with 2 instances is 640 ms, the objective is 250 ms',
  policy: 'slo',
  inputs: {},
  causes: [],
  applied: true,
  ...over,
});

export const goodFacts = (): TourFacts => {
  const { samples, phases } = play();
  const begin = (id: PhaseReport['id']): number => phases.find((phase) => phase.id === id)!.fromMs;
  const fault = (
    id: FaultReport['id'],
    phase: PhaseReport['id'],
    noticedMs: number,
    recoveredMs: number,
    boundS: number,
  ): FaultReport => ({
    id,
    title: phase.replaceAll('-', ' '),
    what: `something happens to ${id}`,
    atMs: begin(phase),
    detectedAtMs: begin(phase) + noticedMs,
    recoveredAtMs: begin(phase) + recoveredMs,
    boundS,
    outcome: 'mended',
  });
  const endMs = phases.at(-1)!.toMs;
  return {
    startedAtMs: START_MS - 7_000,
    endedAtMs: endMs + 4_000,
    readyAfterMs: 6_400,
    paused: [],
    stolen: { share: 0.002, worst: 0.02 },
    phases,
    faults: [
      fault('instance', 'instance-killed', 60, 1_400, 15),
      fault('leader', 'leader-killed', 700, 3_100, 20),
      fault('provider', 'provider-slow', 4_300, 6_300, 20),
      fault('return', 'provider-back', 5_000, 5_000, 35),
    ],
    instances: instancesOf(phases),
    bindings: [
      { atMs: START_MS - 1_000, component: 'payment', active: 'acme' },
      { atMs: begin('provider-slow') + 4_300, component: 'payment', active: 'own' },
      { atMs: begin('provider-back') + 5_000, component: 'payment', active: 'acme' },
    ],
    leaders: [
      { atMs: START_MS - 3_000, level: 'shop', fn: 'autoscaler', replica: 'mitosis-manager-1f3a' },
      {
        atMs: begin('leader-killed') + 700,
        level: 'shop',
        fn: 'autoscaler',
        replica: 'mitosis-manager-77c0',
      },
    ],
    seconds: bySecond(samples, phases[0]!.fromMs, endMs).map(({ atMs, summary }) => ({
      atMs,
      sent: summary.sent,
      ok: summary.sent - summary.failed,
      failed: summary.failed,
      p50Ms: summary.p50Ms,
      p95Ms: summary.p95Ms,
      p99Ms: summary.p99Ms,
    })),
    decisions: [
      decisionOf({ atMs: begin('rise') + 4_000 }),
      decisionOf({
        atMs: begin('provider-slow') + 4_300,
        function: 'composer',
        component: 'payment',
        action: 'rebind',
        change: 'acme → own',
        reason: 'p95 of acme is 1,502 ms, its bound is 250 ms, for 3 s; own is expected at 75 ms',
      }),
    ],
    disposal: { tookMs: 2_100, orderly: true, strays: [] },
    broken: '',
  };
};
