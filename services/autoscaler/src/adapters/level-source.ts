/**
 * Where the autoscaler sees its level: in the store and the monitor's stream, or, where another system runs the components,
 * in a file and that system's Prometheus. Reads only.
 */
import type { SpecRecord } from '@mitosis/contracts';
import { MonitorFeed, type FunctionContext } from '@mitosis/service-kit';
import type { OutsideLevel, PrometheusFeed } from '@mitosis/outside';
import type { LevelInput } from '../decide/level-input.js';
import { countsOf, outsideInput, type Count } from '../decide/outside.js';
import type { KnownSpec, LevelStateViews } from './level-state.js';
import { metricsOfSnapshot } from './snapshot.js';

export interface LevelSource {
  /** Whose figures these are now, for people; empty: nobody's. */
  readonly from: string;
  /** A step is as good as new for this long. */
  readonly stepAgeMaxMs: number;
  /** Another system scales: there is only advice to give. */
  readonly foreign: boolean;
  spec(): KnownSpec | undefined;
  /** `fresh`: with the newest figures, else without any. */
  input(nowMs: number, spec: SpecRecord, fresh: boolean): LevelInput;
  /** Events come from here on. */
  start(): void;
  stop(): void;
}

export interface SourceEvents {
  /** New figures. */
  readonly onFigures: () => void;
  /** Something else that a target may depend on at once. */
  readonly onDemandChange: () => void;
}

/** A step without metrics is taken when the monitor has been silent for this long, so that silence is seen as such. */
const STORE_STEP_AGE_MAX_MS = 1_500;

export const storeSource = (
  context: FunctionContext,
  views: LevelStateViews,
  events: SourceEvents,
): LevelSource => {
  const feed = new MonitorFeed({
    peers: context.peers,
    address: context.address,
    functions: context.config.functions,
    clock: context.clock,
    onSnapshot: events.onFigures,
  });
  let endViews = (): void => {};
  return {
    get from() {
      return feed.source;
    },
    stepAgeMaxMs: STORE_STEP_AGE_MAX_MS,
    foreign: false,
    spec: () => views.specRecord(),
    input: (nowMs, spec, fresh) => {
      const snapshot = fresh ? feed.latest() : null;
      return views.input(nowMs, spec, snapshot && metricsOfSnapshot(snapshot));
    },
    start: () => {
      endViews = views.onDemandChange(events.onDemandChange);
      feed.start();
    },
    stop: () => {
      endViews();
      feed.stop();
    },
  };
};

/** Throws MitosisError `invalid_input` when the file is wrong. */
export const outsideSource = async (
  file: string,
  context: FunctionContext,
  events: SourceEvents,
): Promise<LevelSource> => {
  // Loaded where it is needed: beside a level's other services nobody does.
  const outside = await import('@mitosis/outside');
  const { log, clock, level } = context;
  const watched = new outside.OutsideLevel({
    file,
    level,
    env: process.env,
    clock,
    nowMs: () => context.nowMs(),
    onMistake: (reason) => log.warn({ reason }, 'the file about the outside is wrong: the one before stays'),
  });
  const feed = new outside.PrometheusFeed({
    outside: () => watched.now.prometheus,
    clock,
    onMeasured: events.onFigures,
    onTrouble: (reason) =>
      reason === ''
        ? log.info({}, 'Prometheus answers')
        : log.warn({ reason }, 'Prometheus does not answer as it should'),
  });
  watched.onChange(events.onFigures);
  return new OutsideSource(watched, feed);
};

class OutsideSource implements LevelSource {
  readonly foreign = true;
  private counts: ReadonlyMap<string, Count> = new Map();

  constructor(
    private readonly level: OutsideLevel,
    private readonly feed: PrometheusFeed,
  ) {}

  get from(): string {
    return this.level.now.prometheus?.url ?? '';
  }

  get stepAgeMaxMs(): number {
    return 1.5 * (this.level.now.prometheus?.everyMs ?? 0);
  }

  spec(): KnownSpec {
    // In the store there is none, which is what a decision is made under.
    return { record: this.level.spec, modRevision: 0 };
  }

  input(nowMs: number, spec: SpecRecord, fresh: boolean): LevelInput {
    const { prometheus, endpoints } = this.level.now;
    const input = {
      nowMs,
      spec,
      measured: this.feed.latest(),
      windowMs: prometheus?.windowMs ?? 0,
      endpoints,
      before: this.counts,
    };
    this.counts = countsOf(input);
    return outsideInput(fresh ? input : { ...input, measured: null }, this.counts);
  }

  start(): void {
    this.feed.start();
  }

  stop(): void {
    this.feed.stop();
    this.level.close();
  }
}
