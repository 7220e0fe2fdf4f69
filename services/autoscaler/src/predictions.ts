/** What decisions were expected to do, until it is seen what they did; the newest outcomes are kept for people. */
import type { ComponentAdvice } from './decide/level.js';
import { outcomeOf, type Expectation, type Outcome } from './decide/outcome.js';

const OUTCOMES_KEPT = 50;

export class Predictions {
  private readonly expectations = new Map<string, Expectation>();
  private outcomes: readonly Outcome[] = [];

  /** Oldest first. */
  get latest(): readonly Outcome[] {
    return this.outcomes;
  }

  last(component: string): Outcome | null {
    return this.outcomes.findLast((outcome) => outcome.component === component) ?? null;
  }

  /** In place of what was expected of the component before. */
  expect(expected: readonly Expectation[]): void {
    for (const expectation of expected) this.expectations.set(expectation.component, expectation);
  }

  compare(advice: readonly ComponentAdvice[]): void {
    for (const { component, observation } of advice) {
      const expectation = this.expectations.get(component.name);
      if (expectation === undefined) continue;
      const outcome = outcomeOf(expectation, observation);
      if (outcome === 'waiting') continue;
      this.expectations.delete(component.name);
      if (outcome !== null) this.outcomes = [...this.outcomes, outcome].slice(-OUTCOMES_KEPT);
    }
  }
}
