/** What the `slo` policy recommends, with the sentence and the figures that a decision record shows. */
import type { Forecast } from '../decide/demand.js';
import type { HeldCount } from '../decide/hold-down.js';
import { startMsOf } from '../decide/horizon.js';
import { capacityOf } from '../decide/instance-model.js';
import { spentOf } from '../decide/late-budget.js';
import type { ComponentObservation } from '../decide/observation.js';
import type { Json, Recommendation } from '../decide/policy.js';
import { predictMs, type Plan, type PlanInput } from '../decide/slo-plan.js';
import type { SloState } from '../decide/slo-state.js';
import { accountOf } from './slo-account.js';
import { describe, round, strictest } from './slo-text.js';
import type { Planned } from './slo-planning.js';

const figures = (
  observation: ComponentObservation,
  input: PlanInput,
  forecast: Forecast,
  plan: Plan,
): Readonly<Record<string, Json>> => ({
  arrivals: round(forecast.now),
  forecast: round(input.rate),
  backlog: round(input.backlog),
  serviceMs: round(input.model.serviceMs),
  serviceP95Ms: round(input.model.serviceP95Ms),
  downstreamMs: round(input.downstreamMs),
  capacityPerInstance: round(capacityOf(input.model, input.cpus)),
  capacityMeasured: input.model.capacity > 0,
  variability: round(input.variability, 2),
  startMs: round(startMsOf(observation), 0),
  planned: plan.count,
  because: plan.because,
});

/** Said when it is asked for: most decisions change nothing, and nobody reads why. */
export class SloRecommendation implements Recommendation {
  readonly count: number;

  constructor(
    private readonly observation: ComponentObservation,
    private readonly planned: Planned,
    private readonly state: SloState,
    private readonly forecast: Forecast,
    private readonly held: HeldCount,
  ) {
    this.count = held.count;
  }

  get reason(): string {
    const { plan, input } = this.planned;
    return describe(plan, this.held, input, this.predictedMs());
  }

  get predicted(): Recommendation['predicted'] {
    const ms = this.predictedMs();
    const { bound } = this;
    return bound === null || ms === null || !Number.isFinite(ms)
      ? null
      : { percentile: bound.percentile, ms };
  }

  get inputs(): Recommendation['inputs'] {
    const { plan, input, keep, price } = this.planned;
    const { bound } = this;
    return {
      ...figures(this.observation, input, this.forecast, plan),
      ...(keep === null ? {} : { keep }),
      ...(bound === null || price === null
        ? {}
        : { price: round(price, 4), budgetSpent: round(this.budgetSpent(bound.percentile), 3) }),
    };
  }

  private get bound(): ReturnType<typeof strictest> {
    const { model, objective } = this.planned.input;
    return model.serviceMs > 0 ? strictest(objective) : null;
  }

  private predictedMs(): number | null {
    const { bound } = this;
    return bound === null
      ? null
      : predictMs(this.planned.input, Math.max(1, this.held.count), bound.percentile);
  }

  private budgetSpent(percentile: number): number {
    const { allowed, rate } = accountOf(this.state.outlook.level, this.observation, percentile);
    return spentOf(this.state.budget, allowed, rate);
  }
}
