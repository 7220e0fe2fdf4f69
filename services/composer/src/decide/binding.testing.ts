/** Components with alternatives, samples, and providers in virtual time for tests of bindings. */
import {
  bareComponent,
  bareTypeGraph,
  componentName,
  decisionId,
  type Alternative,
  type BindingRecord,
  type Component,
  type RebindPolicy,
  type TypeGraph,
} from '@mitosis/contracts';
import { EMPTY_BINDING, observeBinding, type BindingState } from './binding-state.js';
import { decideBinding, type BindingChange } from './binding.js';
import type { Sample } from './verdict.js';

export const REBIND: RebindPolicy = {
  p95Ms: 250,
  errorRatio: 0.05,
  afterMs: 3_000,
  returnAfterMs: 8_000,
  trialShare: 0.05,
};

export const url = (name: string, price: number): Alternative => ({
  name,
  target: { kind: 'url', url: `https://${name}.example` },
  price,
});

export const own = (name: string, component: string, price: number): Alternative => ({
  name,
  target: { kind: 'component', component: componentName(component) },
  price,
});

export const aComponent = (name: string, overrides: Partial<Component> = {}): Component =>
  bareComponent(name, { scale: { min: 1, max: 4, initial: 1 }, rebind: REBIND, ...overrides });

export const aBinding = (
  alternatives: readonly Alternative[],
  rebind: Partial<RebindPolicy> = {},
): Component => aComponent('payment', { kind: 'binding', alternatives, rebind: { ...REBIND, ...rebind } });

export const aRecord = (active: string, overrides: Partial<BindingRecord> = {}): BindingRecord => ({
  v: 1,
  component: componentName('payment'),
  active,
  split: [],
  sinceMs: 0,
  reason: '',
  decision: decisionId('d'),
  ...overrides,
});

export const aSample = (overrides: Partial<Sample> = {}): Sample => ({
  requests: 500,
  errors: 0,
  late: 0,
  p95Ms: 60,
  inFlight: 2,
  seconds: 10,
  ...overrides,
});

/** How a provider behaves in a second. */
export interface Behaviour {
  readonly latencyMs: number;
  readonly errorRatio: number;
}

export interface MarketOptions {
  readonly component: Component;
  readonly random: () => number;
  readonly requestsPerSecond: number | ((second: number) => number);
  readonly behaviour: (alternative: string, second: number) => Behaviour;
  readonly ready?: (second: number) => ReadonlyMap<string, number>;
  /** False: the monitor is silent in this second. */
  readonly monitored?: (second: number) => boolean;
}

interface Request {
  readonly second: number;
  readonly alternative: string;
  readonly tookMs: number;
  readonly failed: boolean;
}

export interface MarketSecond {
  readonly second: number;
  readonly active: string;
  readonly change: BindingChange | null;
  readonly bad: number;
  readonly requests: number;
}

/** Providers behind a router that follows the split, one look a second. */
export class Market {
  private requests: Request[] = [];
  private state: BindingState = EMPTY_BINDING;
  private record: BindingRecord | null = null;

  constructor(private readonly options: MarketOptions) {}

  run(seconds: number): readonly MarketSecond[] {
    return Array.from({ length: seconds }, (_, second) => this.second(second));
  }

  private second(second: number): MarketSecond {
    const made = this.serve(second);
    this.requests = [...this.requests.filter((request) => request.second > second - 10), ...made];
    const { component, ready, monitored } = this.options;
    const input = {
      component,
      record: this.record,
      samples: (monitored?.(second) ?? true) ? this.samples() : null,
      ready: ready?.(second) ?? new Map<string, number>(),
      nowMs: 1_000_000 + second * 1_000,
    };
    // A standby is sent this as JSON.
    this.state = JSON.parse(JSON.stringify(observeBinding(this.state, input))) as BindingState;
    const change = decideBinding(input, this.state);
    if (change !== null) {
      const moved = this.record?.active !== change.active;
      this.record = aRecord(change.active, {
        split: change.split,
        absent: change.absent,
        sinceMs: moved ? input.nowMs : (this.record?.sinceMs ?? input.nowMs),
      });
    }
    const bound = component.rebind.p95Ms;
    return {
      second,
      active: this.record?.active ?? '',
      change,
      requests: made.length,
      bad: made.filter(({ failed, tookMs }) => failed || tookMs > bound).length,
    };
  }

  private serve(second: number): Request[] {
    const { record } = this;
    if (record === null) return [];
    const { random, behaviour, requestsPerSecond } = this.options;
    const length = typeof requestsPerSecond === 'number' ? requestsPerSecond : requestsPerSecond(second);
    return Array.from({ length }, () => {
      let left = random();
      const chosen = record.split.find(({ weight }) => (left -= weight) < 0)?.alternative ?? record.active;
      const { latencyMs, errorRatio } = behaviour(chosen, second);
      return {
        second,
        alternative: chosen,
        tookMs: latencyMs * (0.7 + 0.6 * random()),
        failed: random() < errorRatio,
      };
    });
  }

  private samples(): ReadonlyMap<string, Sample> {
    const bound = this.options.component.rebind.p95Ms;
    const names = new Set(this.requests.map(({ alternative }) => alternative));
    return new Map(
      [...names].map((name) => {
        const seen = this.requests.filter(({ alternative }) => alternative === name);
        const took = seen.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
        return [
          name,
          {
            requests: seen.length,
            errors: seen.filter(({ failed }) => failed).length,
            late: seen.filter(({ tookMs }) => tookMs > bound).length,
            p95Ms: took[Math.ceil(0.95 * took.length) - 1] ?? 0,
            inFlight: 0,
            seconds: 10,
          },
        ];
      }),
    );
  }
}

/** mulberry32 */
export const seededRandom = (seed: number): (() => number) => {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
};

export const aTypeGraph = (components: readonly Component[], overrides: Partial<TypeGraph> = {}): TypeGraph =>
  bareTypeGraph('shop', components, { digest: 'd1', ...overrides });
