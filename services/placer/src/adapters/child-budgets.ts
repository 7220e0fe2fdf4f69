/** Tells each child level's placer what it may use, and hears what it uses, while this replica leads. */
import { siteId, type ChildRecord, type SiteId } from '@mitosis/contracts';
import { pause, type Clock } from '@mitosis/coordination';
import { ChildLeaders, type Peers } from '@mitosis/service-kit';
import type { Budget, Use } from '../decide/input.js';

const PERIOD_MS = 2_000;
const DEADLINE_MS = 1_000;

export interface ChildBudgetsOptions {
  readonly peers: Peers;
  readonly clock: Clock;
  readonly children: () => readonly ChildRecord[];
  readonly budgetsFor: (
    child: string,
    use: ReadonlyMap<string, ReadonlyMap<SiteId, Use>>,
  ) => readonly Budget[];
  readonly onChange: () => void;
}

export class ChildBudgets {
  private uses: ReadonlyMap<string, ReadonlyMap<SiteId, Use>> = new Map();
  private readonly leaders: ChildLeaders;

  constructor(private readonly options: ChildBudgetsOptions) {
    this.leaders = new ChildLeaders(options.peers, 'placer');
  }

  /** Of all children together, per site. */
  use(): ReadonlyMap<SiteId, Use> {
    const total = new Map<SiteId, Use>();
    for (const sites of this.uses.values()) {
      for (const [site, use] of sites) {
        const sum = total.get(site) ?? { cpus: 0, memoryBytes: 0 };
        total.set(site, { cpus: sum.cpus + use.cpus, memoryBytes: sum.memoryBytes + use.memoryBytes });
      }
    }
    return total;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const children = this.options.children().filter(({ wanted }) => wanted === 'operating');
      this.forget(new Set(children.map(({ component }) => component)));
      await Promise.all(children.map((child) => this.tell(child, signal)));
      await pause(this.options.clock, PERIOD_MS, signal);
    }
  }

  private forget(kept: ReadonlySet<string>): void {
    this.uses = new Map([...this.uses].filter(([name]) => kept.has(name)));
  }

  private async tell(child: ChildRecord, signal: AbortSignal): Promise<void> {
    const { peers, budgetsFor } = this.options;
    const sites = budgetsFor(child.component, this.uses);
    if (sites.length === 0) return;
    const budgets = { level: child.level, sites: [...sites] };
    const options = { deadlineMs: DEADLINE_MS, signal };
    try {
      const { uses } = await this.leaders.call(child, signal, (address) =>
        peers.call('placer', address, 'setBudget', budgets, options),
      );
      this.hear(
        child.component,
        new Map(uses.map(({ site, cpus, memoryBytes }) => [siteId(site), { cpus, memoryBytes }])),
      );
    } catch {
      // Not up yet, or between two leaders: told again next time.
    }
  }

  private hear(child: string, use: ReadonlyMap<SiteId, Use>): void {
    const before = JSON.stringify([...(this.uses.get(child) ?? [])]);
    if (before === JSON.stringify([...use])) return;
    this.uses = new Map(this.uses).set(child, use);
    this.options.onChange();
  }
}
