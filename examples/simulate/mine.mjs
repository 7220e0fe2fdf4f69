/** A scaling policy of one's own: keeps the requests inside each instance at `busy`, and gives back one instance a minute. */
export default {
  summary: 'keeps the requests inside each instance at a number, and gives back one instance a minute',

  // State is plain JSON: every replica keeps it, so that a new leader goes on with it.
  initial: () => ({ inside: 0, changedMs: 0 }),

  // Called once a second; must answer a whole count. `observation` holds what the monitor says, null is unknown.
  step(state, observation, options) {
    const { requests, count, ready, nowMs } = observation;
    if (requests === null) {
      return { state, recommendation: { count, reason: 'no metrics: nothing is concluded' } };
    }
    const now = requests.inFlight + requests.queued;
    const inside = 0.8 * state.inside + 0.2 * now;
    const wanted = Math.max(1, Math.ceil(Math.max(inside, now * 0.7) / Number(options.busy ?? 3)));
    const mayFall = nowMs - state.changedMs > 60_000;
    // Those that are starting have not helped yet: no more than twice of what is ready.
    const most = Math.max(count, 2 * ready);
    const next = wanted > count ? Math.min(wanted, most) : wanted < count && mayFall ? count - 1 : count;
    return {
      state: { inside, changedMs: next === count ? state.changedMs : nowMs },
      recommendation: { count: next, reason: `${inside.toFixed(1)} requests inside` },
    };
  },
};
