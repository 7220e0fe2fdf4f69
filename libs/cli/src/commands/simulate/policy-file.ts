/**
 * A user's own scaling policy for `mitosis simulate`: an ES module whose default export has `summary`, `initial()` and
 * `step(state, observation, options, settings)`. Runs with the rights of who called the command; checked only for shape.
 */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { MitosisError } from '@mitosis/contracts';
import type { Contender, PolicySpec } from '@mitosis/simulation/workload';

export type OwnPolicy = NonNullable<Contender['plugin']>;

const isPolicy = (value: unknown): value is OwnPolicy => {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'initial' in value &&
    'step' in value &&
    [value.initial, value.step].every((one) => typeof one === 'function')
  );
};

/** A policy refuses an option by throwing: told with its file, as bad input. */
const stepOf = (
  policy: OwnPolicy,
  shown: string,
  given: Parameters<OwnPolicy['step']>,
): ReturnType<OwnPolicy['step']> => {
  try {
    return policy.step(...given);
  } catch (error) {
    throw new MitosisError('invalid_input', `${shown}: step() threw ${String(error)}`, { cause: error });
  }
};

/** What a policy may answer wrongly is told with its file, not with a stack from the simulation. */
const checked = (policy: OwnPolicy, shown: string): OwnPolicy => ({
  summary: policy.summary,
  initial: () => policy.initial(),
  step: (state, observation, options, settings) => {
    const step = stepOf(policy, shown, [state, observation, options, settings]);
    if (!Number.isInteger(step?.recommendation?.count))
      throw new MitosisError(
        'invalid_input',
        `${shown}: step() must return { state, recommendation: { count, … } } with a whole count, and returned ${JSON.stringify(step)}`,
      );
    const { count, reason, predicted, inputs } = step.recommendation;
    return {
      state: step.state ?? state,
      recommendation: { count, reason: reason ?? '', predicted: predicted ?? null, inputs: inputs ?? {} },
    };
  },
});

const loadPolicyFile = async (path: string, shown: string): Promise<OwnPolicy> => {
  if (!existsSync(path)) throw new MitosisError('invalid_input', `--policy: there is no file ${shown}`);
  let loaded: { readonly default?: unknown };
  try {
    loaded = (await import(pathToFileURL(path).href)) as typeof loaded;
  } catch (error) {
    throw new MitosisError('invalid_input', `${shown} cannot be loaded: ${String(error)}`, { cause: error });
  }
  if (!isPolicy(loaded.default))
    throw new MitosisError(
      'invalid_input',
      `${shown} has no policy as its default export; write export default { summary, initial: () => ({}), step }`,
    );
  return checked(loaded.default, shown);
};

/** A policy that is to be played, as plain data. */
export interface Entrant {
  readonly spec: PolicySpec;
  /** Of a user's own policy. */
  readonly file?: string;
}

export const contenderOf = async ({ spec, file }: Entrant): Promise<Contender> =>
  file === undefined ? { spec } : { spec, plugin: await loadPolicyFile(file, spec.name) };
