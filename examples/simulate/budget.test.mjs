// node --test examples/simulate/budget.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import policy from './budget.mjs';

const options = { rate: '100', budget: '1', minutes: '60' };
const observe = (rate, count, minute) => ({
  nowMs: minute * 60_000,
  count,
  requests: rate === null ? null : { last60: { rate }, queued: 0 },
});

/** Six instances from the beginning of the hour: after ten minutes the one instance-hour is spent. */
const stateAfter = (minutes) => {
  let state = policy.initial();
  for (let now = 0; now <= minutes; now += 1) state = policy.step(state, observe(600, 6, now), options).state;
  return state;
};
const countOf = (state, observation) => policy.step(state, observation, options).recommendation.count;

await test('scales out while the budget lasts', () => {
  assert.equal(countOf(stateAfter(8), observe(900, 6, 9)), 9);
});

await test('pauses scale-out when the budget is spent, says so, and still gives back', () => {
  const spent = stateAfter(10);
  const { recommendation } = policy.step(spent, observe(900, 6, 11), options);
  assert.equal(recommendation.count, 6);
  assert.match(recommendation.reason, /scale-out to 9 is paused: 1\.10 of 1 instance-hours spent/);
  assert.equal(countOf(spent, observe(300, 6, 11)), 3);
});

await test('goes on with the next period', () => {
  assert.equal(countOf(stateAfter(59), observe(900, 6, 60)), 9);
});

await test('keeps what there is while nothing is known, and goes on counting', () => {
  const { state, recommendation } = policy.step(stateAfter(9), observe(null, 6, 11), options);
  assert.equal(recommendation.count, 6);
  assert.equal(countOf(state, observe(900, 6, 11)), 6);
});
