/**
 * What limits one instance of the shop's programs: a fixed number of workers, each busy with one request at a time for a
 * known time, and a queue before them. So the capacity of an instance is known (workers / service time) and costs next to
 * no processor: forty instances fit on a laptop. A real program is limited by its processor or its database instead.
 */

/** Longest queue, in seconds of work: more is refused at once, since nobody waits that long. */
const QUEUE_SECONDS = 5;
/** Service times vary evenly within ± this share of the mean. */
const SPREAD = 0.25;

export class Overloaded extends Error {}

/** @param {{ workers: number, serviceMs: number }} capacity */
export const createWorkers = ({ workers, serviceMs }) => {
  const queueMax = Math.ceil((QUEUE_SECONDS * 1000 * workers) / serviceMs);
  /** @type {(() => void)[]} */
  const waiting = [];
  let busy = 0;

  const release = () => {
    const next = waiting.shift();
    if (next === undefined) busy -= 1;
    else next();
  };

  /** Resolves when one worker has worked on it for its service time. Throws Overloaded when the queue is full. */
  const work = async () => {
    if (busy < workers) busy += 1;
    else {
      if (waiting.length >= queueMax) throw new Overloaded('queue full');
      await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    }
    const ms = serviceMs * (1 - SPREAD + 2 * SPREAD * Math.random());
    await new Promise((resolve) => setTimeout(resolve, ms));
    release();
  };

  return { work, state: () => ({ busy, waiting: waiting.length }) };
};
