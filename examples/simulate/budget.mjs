/**
 * A cost watcher: scales on requests a second like the policy of `mitosis new policy`, but pauses scale-out once the
 * instance-hours of the current period are spent. Requests are late then: that is what a budget means. Gives back as ever.
 */
const numberOf = (options, key, byDefault) => {
  const value = Number(options[key] ?? byDefault);
  if (!(value > 0)) throw new Error(`${key}=${options[key]}: expected a number above 0`);
  return value;
};

/** Instance-milliseconds of this period so far. The first look, and a new period, start from nothing. */
const spend = (state, { count, nowMs }, periodMs) => {
  const period = Math.floor(nowMs / periodMs);
  if (state.atMs === null || state.period !== period) return { period, atMs: nowMs, spentMs: 0 };
  return { period, atMs: nowMs, spentMs: state.spentMs + count * Math.max(0, nowMs - state.atMs) };
};

export default {
  summary:
    'keeps the requests a second of each instance at a number, within a budget of instance-hours a period',

  initial: () => ({ period: 0, atMs: null, spentMs: 0 }),

  step(previous, observation, options) {
    const rate = numberOf(options, 'rate', 100);
    const budgetMs = numberOf(options, 'budget', 24) * 3_600_000;
    const state = spend(previous, observation, numberOf(options, 'minutes', 60) * 60_000);
    const { requests, count } = observation;
    const window = requests?.last60 ?? null;
    if (window === null) {
      return { state, recommendation: { count, reason: 'no metrics: nothing is concluded' } };
    }
    const wanted = Math.max(1, Math.ceil((window.rate + requests.queued) / rate));
    const hours = `${(state.spentMs / 3_600_000).toFixed(2)} of ${options.budget ?? 24} instance-hours spent`;
    if (wanted > count && state.spentMs >= budgetMs) {
      return { state, recommendation: { count, reason: `scale-out to ${wanted} is paused: ${hours}` } };
    }
    return { state, recommendation: { count: wanted, reason: hours } };
  },
};
