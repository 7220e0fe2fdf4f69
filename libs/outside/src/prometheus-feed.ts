/**
 * Figures of a system beside us, from its Prometheus: one instant query each, at a steady pace. Must never turn the absence
 * of an answer into a zero: what Prometheus does not say is unknown, and old answers are no answers.
 */
import { every, type Clock } from '@mitosis/coordination';
import type { Outside, OutsideQueries } from './outside-file.js';

/** Of one component; undefined: not known. Times in seconds, as Prometheus has them. */
export type Measured = { readonly [K in keyof OutsideQueries]?: number | undefined };

export interface PrometheusFeedOptions {
  readonly outside: () => Outside['prometheus'];
  readonly clock: Clock;
  readonly onMeasured: () => void;
  /** Told once until it is another one; empty: all is well again. */
  readonly onTrouble: (message: string) => void;
}

const ANSWER_MS = 3_000;
/** So many rounds may be lost before what is known is too old. */
const LOST_MAX = 3;
/** Longest pace a changed file is taken up at; also how often it is seen whether a round is due. */
const LOOK_MS = 500;

interface Answer {
  readonly status?: string;
  readonly error?: string;
  readonly data?: {
    readonly resultType?: string;
    readonly result?: readonly { readonly value?: readonly [number, string] }[] | readonly [number, string];
  };
}

export class PrometheusFeed {
  private known: { readonly value: ReadonlyMap<string, Measured>; readonly atMs: number } | undefined;
  private askedAtMs = -Infinity;
  private asking = false;
  private trouble = '';
  private readonly closing = new AbortController();
  private end: () => void = () => {};

  constructor(private readonly options: PrometheusFeedOptions) {}

  start(): void {
    this.end = every(this.options.clock, LOOK_MS, () => void this.round());
    void this.round();
  }

  stop(): void {
    this.end();
    this.closing.abort();
  }

  /** By component; null: Prometheus is silent, or none is named. */
  latest(): ReadonlyMap<string, Measured> | null {
    const pace = this.options.outside()?.everyMs;
    if (this.known === undefined || pace === undefined) return null;
    const ageMs = this.options.clock.monotonicMs() - this.known.atMs;
    return ageMs <= LOST_MAX * pace + ANSWER_MS ? this.known.value : null;
  }

  private async round(): Promise<void> {
    const from = this.options.outside();
    const nowMs = this.options.clock.monotonicMs();
    if (from === null || this.asking || nowMs - this.askedAtMs < from.everyMs) return;
    this.askedAtMs = nowMs;
    this.asking = true;
    try {
      const value = new Map(
        await Promise.all(
          Object.entries(from.queries).map(
            async ([component, queries]) => [component, await this.measure(from.url, queries)] as const,
          ),
        ),
      );
      if (this.closing.signal.aborted) return;
      this.known = { value, atMs: nowMs };
      this.tell('');
      this.options.onMeasured();
    } catch (error) {
      if (!this.closing.signal.aborted) this.tell(`${from.url}: ${messageOf(error)}`);
    } finally {
      this.asking = false;
    }
  }

  private tell(trouble: string): void {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.options.onTrouble(trouble);
  }

  private async measure(url: string, queries: OutsideQueries): Promise<Measured> {
    const asked = Object.entries(queries).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const answers = await Promise.all(
      asked.map(async ([name, query]) => [name, await this.ask(url, query)] as const),
    );
    return Object.fromEntries(answers) as Measured;
  }

  /** undefined: it has no such series. Throws when it does not answer, or not to the question. */
  private async ask(url: string, query: string): Promise<number | undefined> {
    const response = await fetch(`${url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query }),
      signal: AbortSignal.any([this.closing.signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    const answer = (await response.json()) as Answer;
    if (answer.status !== 'success') throw new Error(`${answer.error ?? response.status} (${query})`);
    return numberOf(answer, query);
  }
}

const numberOf = ({ data }: Answer, query: string): number | undefined => {
  const result = data?.result ?? [];
  if (data?.resultType === 'scalar') return finite((result as readonly [number, string])[1]);
  const series = result as readonly { readonly value?: readonly [number, string] }[];
  if (series.length > 1) throw new Error(`${series.length} series where one number is asked for (${query})`);
  return finite(series[0]?.value?.[1]);
};

/** A quotient of nothing is NaN to Prometheus, and unknown to us. */
const finite = (text: string | undefined): number | undefined => {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) ? value : undefined;
};

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
};
