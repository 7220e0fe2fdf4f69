/**
 * What `mitosis new policy` writes: a scaling policy that works as it stands, and its test, which needs nothing but Node.
 * Both belong to the user afterwards: no import of ours, nothing that a later release would have to find again.
 */
import type { NewFile } from './write-new.js';

const policyText = (name: string): string => `/**
 * Scaling policy \`${name}\`: keeps the requests a second of each instance at \`rate\`, and gives instances back when fewer
 * have been enough for \`hold\` seconds. Must never scale in because it knows nothing.
 */
const numberOf = (options, key, byDefault) => {
  const value = Number(options[key] ?? byDefault);
  if (!(value > 0)) throw new Error(\`\${key}=\${options[key]}: expected a number above 0\`);
  return value;
};

export default {
  summary: 'keeps the requests a second of each instance at a number',

  // State is plain JSON: every replica keeps it, so that a new leader goes on with it. null: no need to give back.
  initial: () => ({ fewerSinceMs: null }),

  // Called about once a second. \`options\` are texts; null in \`observation\` is unknown, never zero.
  step(state, observation, options) {
    const rate = numberOf(options, 'rate', 100);
    const holdMs = numberOf(options, 'hold', 60) * 1_000;
    const { requests, count, nowMs } = observation;
    const window = requests?.last10 ?? null;
    if (window === null) {
      const reason = 'no metrics: nothing is concluded';
      return { state: { fewerSinceMs: null }, recommendation: { count, reason } };
    }
    // What waits for an instance is to be served within a second.
    const load = window.rate + requests.queued;
    const wanted = Math.max(1, Math.ceil(load / rate));
    const reason = \`\${load.toFixed(1)} requests a second, \${rate} for each instance\`;
    if (wanted >= count) {
      return { state: { fewerSinceMs: null }, recommendation: { count: wanted, reason } };
    }
    const fewerSinceMs = state.fewerSinceMs ?? nowMs;
    if (nowMs - fewerSinceMs < holdMs) {
      return { state: { fewerSinceMs }, recommendation: { count, reason: \`\${reason}; \${wanted} may be enough\` } };
    }
    return { state: { fewerSinceMs: null }, recommendation: { count: wanted, reason } };
  },
};
`;

const testText = (name: string): string => `// node --test ${name}.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import policy from './${name}.mjs';

const options = { rate: '100', hold: '60' };
const observe = (rate, count, nowMs, queued = 0) => ({
  nowMs,
  count,
  requests: rate === null ? null : { last10: { rate }, queued },
});

await test('keeps what there is while nothing is known', () => {
  const { recommendation } = policy.step(policy.initial(), observe(null, 7, 0), options);
  assert.equal(recommendation.count, 7);
});

await test('adds instances at once for the load and for what waits', () => {
  const loaded = policy.step(policy.initial(), observe(450, 2, 0), options);
  assert.equal(loaded.recommendation.count, 5);
  const waiting = policy.step(policy.initial(), observe(450, 2, 0, 100), options);
  assert.equal(waiting.recommendation.count, 6);
});

await test('gives instances back only when fewer have been enough for the whole hold time', () => {
  const first = policy.step(policy.initial(), observe(50, 5, 0), options);
  assert.equal(first.recommendation.count, 5);
  const before = policy.step(first.state, observe(50, 5, 59_000), options);
  assert.equal(before.recommendation.count, 5);
  const after = policy.step(before.state, observe(50, 5, 60_000), options);
  assert.equal(after.recommendation.count, 1);
  const busyBetween = policy.step(before.state, observe(500, 5, 59_500), options);
  assert.equal(policy.step(busyBetween.state, observe(50, 5, 60_000), options).recommendation.count, 5);
});

await test('keeps plain JSON as its state', () => {
  const { state } = policy.step(policy.initial(), observe(50, 5, 0), options);
  assert.deepEqual(JSON.parse(JSON.stringify(state)), state);
});

await test('refuses an option that is no number', () => {
  assert.throws(() => policy.step(policy.initial(), observe(50, 5, 0), { rate: 'much' }), /rate=much/);
});
`;

/** The policy first, its test second. `name` must have passed `checkedName`: it goes into the text as it is. */
export const policyFiles = (name: string): readonly [NewFile, NewFile] => [
  { file: `${name}.mjs`, text: policyText(name) },
  { file: `${name}.test.mjs`, text: testText(name) },
];
