import { describe, expect, it } from 'vitest';
import { sparkline } from '../live-view.js';
import {
  PEAK_RATE,
  PHASES,
  RECOVERY_BOUND_S,
  STARTING_CAPACITY,
  LOAD_FACTOR,
  type FaultId,
} from '../plan.js';
import { renderClosing } from './closing-text.js';
import { goodFacts } from './facts.testing.js';
import { judge } from './judge.js';
import { renderPage } from './page.js';
import type { TourFacts, TourReport } from './report.js';
import { renderTimeline } from './timeline.js';

const EXPECTED = {
  phases: PHASES.map((phase) => phase.id),
  faults: Object.keys(RECOVERY_BOUND_S) as FaultId[],
};
const verdictOn = (facts: TourFacts, kept = false): TourReport => judge(facts, kept, EXPECTED, { cores: 2 });
const failedOf = (facts: TourFacts): readonly string[] =>
  verdictOn(facts)
    .criteria.filter((criterion) => !criterion.held)
    .map((criterion) => criterion.text);

describe('the plan', () => {
  it('asks for more than three times what the starting instances can serve', () => {
    expect(PEAK_RATE).toBeGreaterThan(LOAD_FACTOR * STARTING_CAPACITY);
  });
  it('takes between two and four minutes', () => {
    const seconds = (pick: 'minS' | 'maxS'): number => PHASES.reduce((sum, phase) => sum + phase[pick], 0);
    expect(seconds('minS')).toBeGreaterThan(90);
    expect(seconds('maxS')).toBeLessThan(240);
  });
});

describe('the verdict', () => {
  const facts = goodFacts();

  it('is that the objectives held when all criteria did', () => {
    expect(failedOf(facts)).toEqual([]);
    expect(verdictOn(facts).verdict).toBe('held');
  });

  it('falls with more failed requests than the objective allows, in any phase', () => {
    const phases = facts.phases.map((phase) =>
      phase.id === 'rise'
        ? { ...phase, all: { ...phase.all, failed: 60, errorRatio: 60 / phase.all.sent } }
        : phase,
    );
    expect(failedOf({ ...facts, phases })).toEqual(['load rises: at most 1 % of requests fail']);
  });

  it('falls with a p95 above the objective once settled', () => {
    const phases = facts.phases.map((phase) =>
      phase.id === 'peak' ? { ...phase, settled: { ...phase.settled, p95Ms: 301 } } : phase,
    );
    expect(failedOf({ ...facts, phases })).toHaveLength(1);
  });

  it('counts what was served, not what was sent, against three times the starting capacity', () => {
    const phases = facts.phases.map((phase) =>
      phase.id === 'peak' ? { ...phase, settled: { ...phase.settled, failed: 400 } } : phase,
    );
    expect(failedOf({ ...facts, phases })).toEqual([
      'at its peak at least 3 times what the starting instances can serve is served',
    ]);
  });

  it.each(Object.keys(RECOVERY_BOUND_S) as FaultId[])('falls when %s is not recovered in time', (id) => {
    const late = facts.faults.map((one) =>
      one.id === id ? { ...one, recoveredAtMs: one.atMs + 60_000 } : one,
    );
    const never = facts.faults.map((one) => (one.id === id ? { ...one, recoveredAtMs: null } : one));
    const missing = facts.faults.filter((one) => one.id !== id);
    for (const faults of [late, never, missing]) expect(failedOf({ ...facts, faults })).toHaveLength(1);
  });

  it('falls when instances do not follow the load', () => {
    const instances = facts.instances.map((point) => ({ ...point, ready: 2 }));
    expect(failedOf({ ...facts, instances })).toHaveLength(2);
    expect(failedOf({ ...facts, instances: [] })).toHaveLength(2);
  });

  it('falls with a stray process, and with a disposal by force', () => {
    expect(
      failedOf({ ...facts, disposal: { tookMs: 1, orderly: true, strays: ['42 node web.mjs'] } }),
    ).toHaveLength(1);
    expect(failedOf({ ...facts, disposal: { tookMs: 1, orderly: false, strays: [] } })).toHaveLength(1);
    expect(failedOf({ ...facts, disposal: null })).toHaveLength(1);
    expect(verdictOn({ ...facts, disposal: null }, true).verdict).toBe('held');
  });

  it('falls when the tour broke off, naming what it did not get to', () => {
    const broken = {
      ...facts,
      broken: 'the shop did not become ready',
      readyAfterMs: null,
      phases: [],
      faults: [],
    };
    expect(failedOf(broken).join('\n')).toMatch(/becomes ready[\s\S]*peak: took place[\s\S]*went through/);
  });
});

describe('the report', () => {
  const report = verdictOn(goodFacts());

  it('draws every series within its picture', () => {
    const svg = renderTimeline(report);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg).toContain('objective p95 300 ms');
  });

  it('is one page that loads nothing and escapes what it shows', () => {
    const odd = verdictOn({ ...goodFacts(), broken: '<script>alert(1)</script>' });
    const page = renderPage(odd);
    expect(page).not.toContain('<script');
    expect(page).not.toMatch(/(src|href)="http/);
    expect(page).toContain('did not hold');
  });

  it('can be drawn of a tour that broke off at once', () => {
    const nothing = verdictOn({
      ...goodFacts(),
      phases: [],
      seconds: [],
      instances: [],
      bindings: [],
      leaders: [],
      faults: [],
      decisions: [],
    });
    expect(renderPage(nothing)).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('ends in the terminal with every criterion and its numbers', () => {
    const text = renderClosing(report);
    for (const { text: criterion, found } of report.criteria)
      expect(text).toContain(`${criterion}: ${found}`);
  });

  it('says so when a tour failed while the host of the machine took its processors away', () => {
    const stolen = { share: 0.12, worst: 0.45 };
    const failing = { ...goodFacts(), readyAfterMs: null };
    const said = (facts: TourFacts): boolean =>
      renderClosing(verdictOn(facts)).includes('steal in /proc/stat');
    expect(said({ ...failing, stolen })).toBe(true);
    expect(said({ ...failing, stolen: { share: 0.001, worst: 0.02 } })).toBe(false);
    expect(said({ ...failing, stolen: null })).toBe(false);
    expect(said({ ...goodFacts(), stolen })).toBe(false);
  });
});

describe('the live view', () => {
  it('draws bars relative to the highest, and none for nothing', () => {
    expect(sparkline([0, 5, 10])).toBe('▁▅█');
    expect(sparkline([])).toBe('');
    expect(sparkline([1, 2, 3, 4], 2)).toHaveLength(2);
  });
});
