/** What a scaling policy must survive, played with the production decision code and the `slo` policy as it comes. */
import { describe, expect, it } from 'vitest';
import { playScene, scenes, type Scene, type SceneOutcome } from './scenes.js';

const sceneNamed = (name: string): Scene => {
  const found = scenes().find((scene) => scene.name === name);
  if (found === undefined) throw new RangeError(`there is no scene ${name}`);
  return found;
};

const play = (name: string, seed = 1): SceneOutcome =>
  playScene(sceneNamed(name), () => ({ kind: 'slo', holdMs: 0 }), seed);

/** A load is held by more than it needs at full use, and by less than twice as much. */
const expectEnough = (name: string, { fewestAfter, meanAfter }: SceneOutcome): void => {
  const { needed } = sceneNamed(name);
  expect(fewestAfter).toBeGreaterThan(needed);
  expect(meanAfter).toBeLessThan(2 * needed);
};

/** Steady load: it may look for a cheaper count (one more, one less), and must not swing. */
const expectCalm = ({ riseAfter, meanAfter, turnsAfter }: SceneOutcome): void => {
  expect(riseAfter).toBeLessThanOrEqual(Math.max(2, 0.25 * meanAfter));
  expect(turnsAfter).toBeLessThanOrEqual(40);
};

/** Generous: these play hours of load on a machine that may do other things. */
describe('slo in a closed loop', { timeout: 240_000 }, () => {
  it('holds the objective again soon after a sudden step ×5, without swinging', () => {
    const outcome = play('sudden step ×5');
    expect(outcome.lateBefore).toBeLessThan(2);
    expect(outcome.lateChange).toBeLessThan(8);
    expect(outcome.lateAfter).toBeLessThan(2);
    expectEnough('sudden step ×5', outcome);
    expectCalm(outcome);
  });

  it.each([1, 2, 3])('gives back what a step brought and does not buy it again (seed %i)', (seed) => {
    expect(play('sudden step ×5', seed).riseAfter).toBeLessThanOrEqual(2);
  });

  it('follows a sawtooth', () => {
    const outcome = play('sawtooth');
    expect(outcome.lateAfter).toBeLessThan(2);
    // On the average it needs nine at full use.
    expect(outcome.meanAfter).toBeLessThan(18);
  });

  it.each(['no metrics for 60 s', 'absurd metrics for 60 s'])(
    'takes nothing away on %s, though the load has just fallen, and follows it afterwards',
    (name) => {
      const outcome = play(name);
      expect(outcome.takenAway).toBe(0);
      expect(outcome.lateChange).toBeLessThan(2);
      expect(outcome.lateAfter).toBeLessThan(2);
      expect(outcome.meanAfter).toBeLessThan(outcome.countBefore / 2);
      expectCalm(outcome);
    },
  );

  it('believes a monitor that repeats its last word no further than it believes one of its words', () => {
    const outcome = play('stale metrics for 60 s');
    expect(outcome.takenAway).toBeLessThanOrEqual(0.25 * outcome.countBefore);
    expect(outcome.lateChange).toBeLessThan(2);
    expectCalm(outcome);
  });

  it('does not swing when metrics are ten seconds old', () => {
    const outcome = play('metrics lag 10 s, step ×2');
    expect(outcome.lateBefore).toBeLessThan(2);
    expect(outcome.lateAfter).toBeLessThan(2);
    expectEnough('metrics lag 10 s, step ×2', outcome);
    expectCalm(outcome);
  });

  it('decides no worse for being asked only every ten seconds, and gives back what is idle', () => {
    const outcome = play('decided on every 10 s, load down by half');
    expect(outcome.lateBefore).toBeLessThan(2);
    expect(outcome.lateAfter).toBeLessThan(2);
    expectEnough('decided on every 10 s, load down by half', outcome);
    expectCalm(outcome);
  });

  it('neither collapses nor buys without end when one instance serves at a third of its speed', () => {
    const outcome = play('one slow instance');
    // What the slow one serves is late whatever the others do: its share of the requests, not more.
    expect(outcome.lateAfter).toBeLessThan(5);
    expectEnough('one slow instance', outcome);
    expectCalm(outcome);
  });

  it('buys what a doubled service time needs, and no more', () => {
    const outcome = play('doubled service time');
    expect(outcome.lateBefore).toBeLessThan(2);
    // Once it is bought it is not given back for what was completed before.
    expect(outcome.lateChange).toBeLessThan(15);
    // Some 4 % take longer than the objective without any queue.
    expect(outcome.lateAfter).toBeLessThan(8);
    // Those are late whatever it buys: it must not buy without end.
    expectEnough('doubled service time', outcome);
    expectCalm(outcome);
  });
});
