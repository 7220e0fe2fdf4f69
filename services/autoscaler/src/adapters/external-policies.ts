/**
 * Asks the gRPC services that `external` policies name. One call at a time per component and address, each with a
 * deadline; what is kept is the last answer and when it came. Must never make a pass wait.
 */
import type { policy, ScalingPolicy } from '@mitosis/contracts';
import type { FunctionContext } from '@mitosis/service-kit';
import type { ComponentAdvice } from '../decide/level.js';
import type { ComponentObservation, ExternalAnswer, RequestWindow } from '../decide/observation.js';

const DEADLINE_MS = 1_000;

type External = Extract<ScalingPolicy, { kind: 'external' }>;
type Answers = Readonly<Record<string, ExternalAnswer>>;

const externalsOf = (scaling: ScalingPolicy): readonly External[] => {
  if (scaling.kind === 'external') return [scaling];
  return scaling.kind === 'combine' ? scaling.policies.flatMap(externalsOf) : [];
};

const windowOf = (window: RequestWindow | null | undefined): policy.PolicyWindow | undefined =>
  window === null || window === undefined ? undefined : { ...window };

const observationOf = (
  observation: ComponentObservation,
  options: External['options'],
): Omit<policy.PolicyObservation, 'level' | 'replica' | 'leading'> => {
  const { requests, usage, scale, objective } = observation;
  return {
    component: observation.component,
    nowMs: observation.nowMs,
    count: observation.count,
    min: scale.min,
    max: scale.max,
    ready: observation.ready,
    starting: observation.starting,
    startMs: observation.startMs ?? 0,
    latency: objective?.latency.map(({ percentile, ms }) => ({ percentile, ms })) ?? [],
    last1: windowOf(requests?.last1),
    last10: windowOf(requests?.last10),
    last60: windowOf(requests?.last60),
    requestsKnown: requests !== null,
    inFlight: requests?.inFlight ?? 0,
    queued: requests?.queued ?? 0,
    rejectedRate: requests?.rejectedRate ?? 0,
    usageKnown: usage !== null,
    cpuCores: usage?.cpuCores ?? 0,
    memoryBytes: usage?.memoryBytes ?? 0,
    options: { ...options },
  };
};

const answerOf = (reply: policy.PolicyRecommendation, atMs: number): ExternalAnswer => ({
  count: reply.count,
  reason: reply.reason,
  predicted: reply.predictedMs > 0 ? { percentile: reply.predictedPercentile, ms: reply.predictedMs } : null,
  atMs,
});

export class ExternalPolicies {
  private answers = new Map<string, Answers>();
  private readonly asking = new Set<string>();
  private readonly failed = new Map<string, string>();

  constructor(
    private readonly context: Pick<FunctionContext, 'peers' | 'level' | 'replica' | 'nowMs' | 'log'>,
  ) {}

  /** By component: the last answer of each address. */
  latest(): ReadonlyMap<string, Answers> {
    return this.answers;
  }

  /** Asks about what was just observed; the answers serve the next step. */
  ask(advice: readonly ComponentAdvice[]): void {
    const asked = advice.filter(({ component }) => externalsOf(component.policy).length > 0);
    this.forget(new Set(asked.map(({ component }): string => component.name)));
    for (const { component, observation } of asked) {
      for (const one of externalsOf(component.policy)) void this.askOne(observation, one);
    }
  }

  private async askOne(observation: ComponentObservation, { address, options }: External): Promise<void> {
    const { peers, level, replica } = this.context;
    const leading = peers.leader('autoscaler')?.replica === replica;
    const key = `${observation.component} ${address}`;
    if (this.asking.has(key)) return;
    this.asking.add(key);
    try {
      const request = { ...observationOf(observation, options), level, replica, leading };
      const reply = await peers.call('policy', address, 'recommend', request, { deadlineMs: DEADLINE_MS });
      const before = this.answers.get(observation.component) ?? {};
      this.answers.set(observation.component, {
        ...before,
        [address]: answerOf(reply, this.context.nowMs()),
      });
      this.failed.delete(key);
    } catch (error) {
      this.tell(key, address, error);
    } finally {
      this.asking.delete(key);
    }
  }

  /** Once per new failure: it comes again every second. */
  private tell(key: string, address: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (this.failed.has(key)) return;
    this.failed.set(key, reason);
    this.context.log.warn({ address, reason }, 'an external policy does not answer');
  }

  private forget(kept: ReadonlySet<string>): void {
    for (const component of this.answers.keys()) if (!kept.has(component)) this.answers.delete(component);
    for (const key of this.failed.keys()) if (!kept.has(key.split(' ')[0] ?? '')) this.failed.delete(key);
  }
}
