/** One trace under one policy: simulated, and replayed on a level of its own that is brought up and taken down again. */
import { readFileSync, rmSync } from 'node:fs';
import {
  calibrate,
  parseRecording,
  traceSeconds,
  type ComponentTraits,
  type Trace,
} from '@mitosis/simulation/workload';
import { Host } from '../../level/host.js';
import {
  COMPONENT,
  LEVEL,
  makeApplication,
  OBJECTIVE_MS,
  SERVICE,
  type LiveApplication,
  type LivePolicy,
} from './application.js';
import { PaidInstances } from './paid.js';
import { predict, type Prediction } from './prediction.js';
import { requestsOf, startTraffic, type Traffic } from './traffic.js';

export interface LiveOptions {
  readonly trace: Trace;
  readonly policy: LivePolicy;
  readonly startMs: number;
  readonly warmupS: number;
  readonly seed: number;
  readonly port: number;
  /** Where `mitosis record` may write. */
  readonly recording: string;
}

export interface LiveFigures {
  readonly requests: number;
  readonly latePercent: number;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly instanceSeconds: number;
  readonly starts: number;
  readonly startMs: number | null;
  readonly sendDelayMaxMs: number;
  /** Instances paid at each tenth of the trace. */
  readonly instances: readonly number[];
}

export interface LiveResult {
  readonly bench: 'live';
  readonly trace: string;
  readonly policy: string;
  readonly seed: number;
  /** null: only simulated. */
  readonly live: LiveFigures | null;
  /** From what the component is known to be. */
  readonly simulated: Prediction;
  /** From what `mitosis record` saw of it in this very run. */
  readonly calibrated: {
    readonly prediction: Prediction;
    readonly traits: Pick<ComponentTraits, 'service' | 'concurrency' | 'startMs'>;
  } | null;
}

const LOOK_MS = 500;
/**
 * The policy takes over an application that has been under load for this long, as in the simulation: what it sees first
 * is then its usual load and no leap from nothing.
 */
const BEFORE_S = 10;

const applicationFor = ({ policy, port, startMs, trace }: LiveOptions): LiveApplication =>
  makeApplication({ policy, port, startMs, rate: trace.rates[0] ?? 0 });

const head = ({ trace, policy, seed }: LiveOptions) =>
  ({ bench: 'live', trace: trace.name, policy: policy.name, seed }) as const;

export const predictLive = (options: LiveOptions): LiveResult => {
  const application = applicationFor(options);
  application.remove();
  const simulated = predict(application.typeGraph, application.traits, options.trace, options.warmupS);
  return { ...head(options), live: null, simulated, calibrated: null };
};

/** Looks at the level until the traffic has ended. */
const watchPaid = async (host: Host, traffic: Traffic): Promise<PaidInstances> => {
  const paid = new PaidInstances(COMPONENT);
  const state = { ended: false };
  const end = traffic.done.finally(() => (state.ended = true));
  while (!state.ended) {
    try {
      paid.see((await host.level(LEVEL)).graph, Date.now());
    } catch {
      // A look that fails loses nothing: records carry their times.
    }
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, LOOK_MS))]);
  }
  return paid;
};

const replay = async (
  host: Host,
  application: LiveApplication,
  options: LiveOptions,
): Promise<LiveFigures> => {
  const { trace, seed } = options;
  const warmupS = BEFORE_S + options.warmupS;
  const requests = requestsOf(trace, SERVICE, warmupS, seed);
  const traffic = startTraffic(application.url, requests, warmupS, OBJECTIVE_MS);
  await new Promise((resolve) => setTimeout(resolve, BEFORE_S * 1_000));
  application.withPolicy();
  const applied = await host.mitosis('apply', application.file);
  if (applied.code !== 0) throw new Error(applied.stderr);
  const fromMs = Date.now() + traffic.zeroMs - performance.now();
  const untilMs = fromMs + traceSeconds(trace) * 1_000;
  const paid = await watchPaid(host, traffic);
  const counts = await traffic.done;
  return {
    requests: counts.requests,
    latePercent: (100 * counts.late) / Math.max(1, counts.requests),
    failed: counts.failed,
    failures: counts.failures,
    instanceSeconds: Math.round(paid.instanceSeconds(fromMs, untilMs)),
    starts: paid.starts(fromMs),
    startMs: paid.startMs(),
    sendDelayMaxMs: Math.round(counts.sendDelayMaxMs),
    instances: Array.from({ length: 10 }, (_, i) =>
      paid.count(fromMs + ((i + 0.5) * (untilMs - fromMs)) / 10),
    ),
  };
};

const calibratedFrom = (
  file: string,
  application: LiveApplication,
  { trace, warmupS }: LiveOptions,
): LiveResult['calibrated'] => {
  const recording = parseRecording(file, readFileSync(file, 'utf8'));
  const traits = calibrate(application.typeGraph, recording)[COMPONENT];
  if (traits === undefined) return null;
  const { service, concurrency, startMs } = traits;
  return {
    prediction: predict(application.typeGraph, traits, trace, warmupS),
    traits: { service, concurrency, startMs },
  };
};

export const replayLive = async (options: LiveOptions): Promise<LiveResult> => {
  const application = applicationFor(options);
  const host = new Host();
  // Who stops the bench does not want its level to stay.
  const stopped = (): void => void host.dispose().finally(() => process.exit(1));
  process.once('SIGTERM', stopped);
  process.once('SIGINT', stopped);
  try {
    const up = await host.mitosis('up', application.file);
    if (up.code !== 0) throw new Error(up.stderr);
    const forS = Math.round(BEFORE_S + options.warmupS + traceSeconds(options.trace));
    const recorded = host.mitosis('record', LEVEL, '--for', `${forS}s`, '--output', options.recording);
    const live = await replay(host, application, options);
    const record = await recorded;
    // Only now: the simulation would take the processor from the level.
    return {
      ...head(options),
      live,
      simulated: predict(
        application.typeGraph,
        { ...application.traits, startMs: live.startMs ?? application.traits.startMs },
        options.trace,
        options.warmupS,
      ),
      calibrated: record.code === 0 ? calibratedFrom(options.recording, application, options) : null,
    };
  } finally {
    process.off('SIGTERM', stopped);
    process.off('SIGINT', stopped);
    await host.dispose();
    application.remove();
    rmSync(options.recording, { force: true });
  }
};
