/** The ways a leader loses its office: each makes one event on a level and notes what it took. */
import { connect } from 'node:net';
import { KEYS } from '@mitosis/contracts';
import { until } from '../../level/until.js';
import { COMPONENTS, SCALED, signal, UNKNOWN, type BenchLevel, type Moment } from './bench-level.js';
import { begun, started, written } from './entries.js';

export type Note = (what: string, ms: number) => void;

export interface Way {
  readonly summary: string;
  /** Of what `note` was called with; undefined: not limited. */
  readonly limits?: Readonly<Record<string, number>>;
  event(level: BenchLevel, number: number, note: Note): Promise<void>;
}

const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const BOUND_MS = 20_000;
/** Agent and store have told of it; far less than a lease. */
const HEARD_MS = 150;
/** In which a leader is taken by surprise in the midst of a pass. */
const SURPRISE_MS = 60;
/** Shorter than what is left of a lease that is kept alive every 750 ms. */
const NAP_MS = 600;

const since = async (
  note: Note,
  what: string,
  fromMs: number,
  entry: Promise<{ readonly t: number }>,
): Promise<void> => note(what, (await entry).t - fromMs);

/** An instance has ended: health starts another. */
const noteReplacement = async (
  { tail }: BenchLevel,
  after: number,
  fromMs: number,
  note: Note,
): Promise<void> => {
  await Promise.all([
    since(note, 'health: session', fromMs, begun(tail, after)),
    since(note, 'health: start of a replacement accepted', fromMs, started(tail, after, COMPONENTS)),
  ]);
};

/** A count and an override changed: writes of the others, and a start at the end of their chain when the count grew. */
const noteWrites = async (
  { tail }: BenchLevel,
  after: number,
  fromMs: number,
  count: number,
  note: Note,
): Promise<void> => {
  const writes = [
    ['composer: override of no component removed', KEYS.override(UNKNOWN)],
    ['autoscaler: target written', KEYS.target(SCALED)],
    ['placer: placement written, after the target', KEYS.placement(SCALED)],
  ] as const;
  await Promise.all([
    ...writes.map(([what, key]) => since(note, what, fromMs, written(tail, after, key))),
    ...(count === 1
      ? []
      : [
          since(
            note,
            'health: start accepted, after target and placement',
            fromMs,
            started(tail, after, [SCALED]),
          ),
        ]),
  ]);
};

/** A target without its placement. */
const notePlacement = ({ tail }: BenchLevel, after: number, fromMs: number, note: Note): Promise<void> =>
  since(note, 'placer: placement written', fromMs, written(tail, after, KEYS.placement(SCALED)));

/** Connects; what is returned resolves with the moment the other side is gone: before that nobody can know of its end. */
const connectionTo = async (address: string): Promise<{ readonly closed: Promise<number> }> => {
  const end = address.lastIndexOf(':');
  const socket = connect(Number(address.slice(end + 1)), address.slice(0, end));
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.resume().on('error', () => undefined);
  const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(machineMs())));
  return { closed };
};

/** Alternates; only growth starts an instance. */
const countOf = (number: number): number => (number % 2 === 0 ? 2 : 1);

interface Pending {
  /** Makes it due, while the leader stands still. */
  readonly fall: () => Promise<void> | void;
  note(killedMs: number): Promise<void>;
}

/** Work of one kind, by turns. What has to be done before the leader stands still is done when it returns. */
const pendingOf = async (
  level: BenchLevel,
  number: number,
  { leader, victims }: Moment,
  note: Note,
): Promise<Pending> => {
  const { revision } = leader;
  const turn = number % 3;
  if (turn === 0) {
    return {
      fall: () => level.killInstance(victims[0] ?? ''),
      note: (killedMs) => noteReplacement(level, revision, killedMs, note),
    };
  }
  const count = countOf(turn - 1);
  if (turn === 1) {
    return {
      fall: () => level.override(count),
      note: (killedMs) => noteWrites(level, revision, killedMs, count, note),
    };
  }
  await level.control('placer', 'paused');
  await wait(HEARD_MS);
  await level.override(count);
  await written(level.tail, 0, KEYS.target(SCALED));
  return {
    fall: () => level.control('placer', 'run'),
    note: (killedMs) => notePlacement(level, revision, killedMs, note),
  };
};

/** The leader stops before it can act on what falls due, and is killed when everybody else has heard of it. */
const killed: Way = {
  summary: 'the leader’s process is killed while work is pending',
  limits: { p50Ms: 100, p99Ms: 300 },
  event: async (level, number, note) => {
    const moment = await level.nextMoment(true);
    const { leader } = moment;
    level.tail.forget();
    const { closed } = await connectionTo(leader.address);
    const pending = await pendingOf(level, number, moment, note);
    signal(leader.pids, 'SIGSTOP');
    await pending.fall();
    await wait(HEARD_MS);
    signal(leader.pids, 'SIGKILL');
    const killedMs = machineMs();
    void closed.then((atMs) => note('its connections are closed', atMs - killedMs));
    await pending.note(killedMs);
  },
};

/** It stands still for longer than its lease, and goes on in the midst of its successor's work. */
const stopped: Way = {
  summary: 'the leader’s process stands still beyond its lease, and goes on when its successor acts',
  event: async (level, number, note) => {
    const { leader, victims } = await level.nextMoment(false);
    level.tail.forget();
    signal(leader.pids, 'SIGSTOP');
    try {
      const stoppedMs = machineMs();
      await level.override(countOf(number));
      level.killInstance(victims[0] ?? '');
      await Promise.all([
        noteReplacement(level, leader.revision, stoppedMs, note),
        noteWrites(level, leader.revision, stoppedMs, countOf(number), note),
      ]);
      level.killInstance(victims[1] ?? '');
    } finally {
      signal(leader.pids, 'SIGCONT');
    }
    await started(level.tail, leader.revision, COMPONENTS, machineMs());
    await standsAgain(level, leader.replica);
  },
};

/**
 * Its lease is revoked although it lives. Every other time it takes a nap meanwhile, so that it wakes with time left by its
 * own clock, in the midst of a pass, when its successor has acted already: only the agents can tell it then.
 */
const accused: Way = {
  summary: 'a living leader’s lease is revoked by who takes it for dead',
  event: async (level, number, note) => {
    const { leader, victims } = await level.nextMoment(false);
    level.tail.forget();
    const naps = number % 2 === 1;
    level.killInstance(victims[0] ?? '');
    await wait(Math.random() * SURPRISE_MS);
    const accusedMs = machineMs();
    if (naps) signal(leader.pids, 'SIGSTOP');
    try {
      level.killInstance(victims[1] ?? '');
      await level.accuse(leader);
      const { t } = await begun(level.tail, leader.revision);
      note('health: session', t - accusedMs);
      if (naps) {
        const act = started(level.tail, leader.revision, COMPONENTS);
        await Promise.race([act, wait(Math.max(0, NAP_MS - (machineMs() - accusedMs)))]);
      }
    } finally {
      signal(leader.pids, 'SIGCONT');
    }
    await standsAgain(level, leader.replica);
  },
};

const standsAgain = (level: BenchLevel, replica: string): Promise<boolean> =>
  until(`${replica} stands again`, async () => ((await level.stands(replica)) ? true : undefined), BOUND_MS);

export const WAYS = { killed, stopped, accused } as const satisfies Record<string, Way>;
export type WayName = keyof typeof WAYS;
