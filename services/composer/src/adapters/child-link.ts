/**
 * Everything that is said to and heard from child levels: their managers by their agents, their part of the composition
 * and their disposal by their composers. Runs beside the passes, so that a child that does not answer delays nothing; a
 * pass reads what was heard. One exchange at a time per child, each call with a deadline.
 */
import { MANAGEMENT_COMPONENTS, type agent, type ChildRecord } from '@mitosis/contracts';
import { ChildLeaders, type Peers } from '@mitosis/service-kit';
import { UNSEEN, type ChildObservation, type ChildOrder } from '../decide/children.js';

export interface ChildLinkOptions {
  readonly peers: Peers;
  readonly nowMs: () => number;
  /** Something was heard that a pass should look at. */
  readonly onNews: () => void;
}

const DEADLINE_MS = 1_000;
/** A child's first apply meets a store that is just being born. */
const APPLY_DEADLINE_MS = 3_000;

const managersOf = (level: agent.LevelInfo): readonly string[] =>
  level.management
    .filter(({ component, state }) => component === MANAGEMENT_COMPONENTS.manager && state === 'running')
    .flatMap(({ host, ports }) => (ports.grpc === undefined ? [] : [`${host}:${ports.grpc}`]));

export class ChildLink {
  private readonly seen = new Map<string, ChildObservation>();
  private readonly leaders: ChildLeaders;
  private readonly busy = new Set<string>();

  constructor(private readonly options: ChildLinkOptions) {
    this.leaders = new ChildLeaders(options.peers, 'composer');
  }

  observations(): ReadonlyMap<string, ChildObservation> {
    return this.seen;
  }

  /** Asks the agents where the children's managers are. Returns at once. */
  look(children: readonly ChildRecord[], agents: readonly string[], signal: AbortSignal): void {
    for (const component of this.seen.keys()) {
      if (!children.some((child) => child.component === component)) this.seen.delete(component);
    }
    if (children.length > 0) this.beside('agents', () => this.ask(children, agents, signal));
  }

  /** Carries an order out. Returns at once. */
  tell(order: ChildOrder, signal: AbortSignal): void {
    const { child } = order;
    this.beside(child.component, async () => {
      try {
        await (order.kind === 'apply' ? this.apply(order, signal) : this.dispose(child, signal));
        this.note(child, { problem: '' });
      } catch (error) {
        this.note(child, { problem: error instanceof Error ? error.message : String(error) });
      }
    });
  }

  /** A new leader believes only what it hears itself. */
  forget(): void {
    this.seen.clear();
  }

  private beside(what: string, run: () => Promise<void>): void {
    if (this.busy.has(what)) return;
    this.busy.add(what);
    void run().finally(() => this.busy.delete(what));
  }

  private async ask(
    children: readonly ChildRecord[],
    agents: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { peers } = this.options;
    const answers = await Promise.all(
      agents.map((address) =>
        peers.call('agent', address, 'levels', {}, { deadlineMs: DEADLINE_MS, signal }).catch(() => null),
      ),
    );
    for (const child of children) {
      const infos = answers.flatMap(
        (answer) => answer?.levels.filter(({ level }) => level === child.level) ?? [],
      );
      const managers = infos.flatMap(managersOf).sort();
      if (managers.length === 0) continue;
      this.note(child, {
        managers,
        incarnation: Math.max(0, ...infos.map(({ incarnation }) => incarnation)),
      });
    }
  }

  private async apply(order: Extract<ChildOrder, { kind: 'apply' }>, signal: AbortSignal): Promise<void> {
    const { child, typeGraph } = order;
    const request = { typeGraphJson: JSON.stringify(typeGraph), expectedGeneration: -1 };
    await this.leaders.call(child, signal, (address) =>
      this.options.peers.call('composer', address, 'apply', request, {
        deadlineMs: APPLY_DEADLINE_MS,
        signal,
      }),
    );
    this.note(child, {
      appliedDigest: typeGraph.digest,
      appliedAtMs: this.options.nowMs(),
      appliedIncarnation: child.incarnation,
      disposed: false,
    });
  }

  private async dispose(child: ChildRecord, signal: AbortSignal): Promise<void> {
    const { done } = await this.leaders.call(child, signal, (address) =>
      this.options.peers.call('composer', address, 'dispose', {}, { deadlineMs: DEADLINE_MS, signal }),
    );
    this.note(child, { disposed: done });
  }

  private note({ component }: ChildRecord, heard: Partial<ChildObservation>): void {
    const before = this.seen.get(component) ?? UNSEEN;
    const after = { ...before, ...heard };
    this.seen.set(component, after);
    const { appliedAtMs: _before, ...was } = before;
    const { appliedAtMs: _after, ...is } = after;
    if (JSON.stringify(was) !== JSON.stringify(is)) this.options.onNews();
  }
}
