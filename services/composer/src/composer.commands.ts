/**
 * What people and parents ask of the composer. Each command reads the store itself, not a view, decides, and commits on
 * condition that what it read is still there; a conflict is decided again a few times, then told.
 */
import {
  graphInSize,
  KEYS,
  MitosisError,
  PREFIXES,
  type composer,
  type OverrideRecord,
  type SizeRecord,
  type SpecRecord,
} from '@mitosis/contracts';
import type { LeaderSession, WriteOp } from '@mitosis/coordination';
import type { FunctionContext } from '@mitosis/service-kit';
import { decisionRecord, type DecisionFields } from './decide/records.js';
import { canBeOverridden, decideApply, decideDispose } from './decide/spec.js';
import { checkTypeGraph } from './decide/type-graph-check.js';
import type { DecisionIds } from './decision-ids.js';

const ATTEMPTS = 3;

interface StoredSpec {
  readonly record: SpecRecord;
  readonly modRevision: number;
}

/** What a command wants written over the spec it saw; null: nothing. */
interface Wanted<T> {
  readonly answer: T;
  readonly change: { readonly writes: readonly WriteOp[]; readonly decision: DecisionFields } | null;
}

export class ComposerCommands {
  constructor(
    private readonly context: () => FunctionContext,
    private readonly ids: DecisionIds,
  ) {}

  /** The spec as it is in the store now; null: none was ever applied. */
  async readSpec(): Promise<StoredSpec | null> {
    const entry = await this.context().store.get(KEYS.spec);
    if (entry === undefined) return null;
    return { record: JSON.parse(entry.value) as SpecRecord, modRevision: entry.modRevision };
  }

  private async readSizes(): Promise<ReadonlyMap<string, SizeRecord>> {
    const { entries } = await this.context().store.list(PREFIXES.sizes);
    const records = entries.map(({ value }) => JSON.parse(value) as SizeRecord);
    return new Map(records.map((record) => [record.component, record]));
  }

  async apply(json: string, expectedGeneration: number): Promise<composer.ApplyReply> {
    const { level } = this.context();
    // Who is asked first is told who leads before being told what is wrong: the leader says that.
    this.context().requireSession();
    const checked = checkTypeGraph(json, level);
    if (checked.kind === 'invalid')
      throw new MitosisError('invalid_input', `not a type graph: ${checked.problem}`);
    // Sizes that still hold are in force at once: else instances would be rolled there and back.
    const typeGraph = graphInSize(checked.typeGraph, await this.readSizes());
    return this.change<composer.ApplyReply>((spec) => {
      const outcome = decideApply(
        spec?.record ?? null,
        typeGraph,
        expectedGeneration,
        this.context().nowMs(),
      );
      if (outcome.kind === 'conflict') throw new MitosisError('conflict', outcome.problem);
      if (outcome.kind === 'unchanged') {
        return { answer: { generation: outcome.generation, changed: false }, change: null };
      }
      const { record, change } = outcome;
      return {
        answer: { generation: record.generation, changed: true },
        change: {
          writes: [putSpec(record)],
          decision: {
            component: '',
            action: 'apply',
            change: `generation ${record.generation}: ${change}`,
            reason: 'it was asked for',
            inputs: { digest: typeGraph.digest },
          },
        },
      };
    });
  }

  /** Begins the disposal, or tells how far it is. */
  async dispose(): Promise<SpecRecord['phase']> {
    return this.change<SpecRecord['phase']>((spec) => {
      // Nothing was ever applied: there is nothing to dispose of.
      if (spec === null) return { answer: 'disposed', change: null };
      const record = decideDispose(spec.record);
      if (record === null) return { answer: spec.record.phase, change: null };
      const decision = {
        component: '',
        action: 'dispose',
        change: 'operating → disposing',
        reason: 'it was asked for',
      };
      return { answer: record.phase, change: { writes: [putSpec(record)], decision } };
    });
  }

  async override(request: composer.OverrideRequest): Promise<void> {
    const { component: name, count, expiresInMs, reason } = request;
    await this.change((spec) => {
      const components = spec?.record.typeGraph.components ?? {};
      const component = Object.hasOwn(components, name) ? components[name] : undefined;
      if (component === undefined)
        throw new MitosisError('not_found', `there is no component ${JSON.stringify(name)}`);
      if (!canBeOverridden(component)) {
        const kind = component.runOnce ? 'runs once' : `is of kind ${component.kind}`;
        throw new MitosisError('invalid_input', `${name} ${kind}: only services have a count`);
      }
      if (component.exclusive && count > 1)
        throw new MitosisError(
          'invalid_input',
          `${name} is exclusive: there is never a second instance of it`,
        );
      const nowMs = this.context().nowMs();
      const record: OverrideRecord = {
        v: 1,
        component: component.name,
        count,
        expiresAtMs: expiresInMs > 0 ? nowMs + expiresInMs : 0,
        reason,
      };
      const key = KEYS.override(name);
      const write: WriteOp =
        count < 0 ? { kind: 'delete', key } : { kind: 'put', key, value: JSON.stringify(record) };
      const until = expiresInMs > 0 ? ` for ${Math.round(expiresInMs / 1_000)} s` : ' until it is removed';
      return {
        answer: undefined,
        change: {
          writes: [write],
          decision: {
            component: name,
            action: 'override',
            change: count < 0 ? 'no override' : `${count}${until}`,
            reason: reason === '' ? 'it was asked for' : reason,
          },
        },
      };
    });
  }

  private async change<T>(decide: (spec: StoredSpec | null) => Wanted<T>): Promise<T> {
    return this.context().command(async (session) => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const spec = await this.readSpec();
        const { answer, change } = decide(spec);
        if (change === null || (await this.commit(session, spec, change))) return answer;
      }
      throw new MitosisError(
        'conflict',
        'the composition was changed by another at the same moment, again and again',
      );
    });
  }

  private async commit(
    session: LeaderSession,
    spec: StoredSpec | null,
    { writes, decision }: NonNullable<Wanted<unknown>['change']>,
  ): Promise<boolean> {
    const stamp = { nowMs: this.context().nowMs(), epoch: session.epoch };
    const result = await session.commit({
      writes,
      decisions: [decisionRecord(stamp, this.ids.next(stamp), decision)],
      // A key that is not there has modification revision 0.
      compares: [{ key: KEYS.spec, modRevision: spec?.modRevision ?? 0 }],
    });
    return result.kind === 'committed';
  }
}

const putSpec = (record: SpecRecord): WriteOp => ({
  kind: 'put',
  key: KEYS.spec,
  value: JSON.stringify(record),
});
