/** Which level a command means. */
import { MitosisError, type agent } from '@mitosis/contracts';

/** Throws MitosisError `not_found` that lists what there is. */
export const selectLevel = (
  levels: readonly agent.LevelInfo[],
  wanted: string | undefined,
): agent.LevelInfo => {
  const names = levels.map((info) => info.level).sort();
  if (wanted !== undefined) {
    const found = levels.find((info) => info.level === wanted);
    if (found !== undefined) return found;
    const known = names.length === 0 ? 'no level lives here' : `levels here: ${names.join(', ')}`;
    throw new MitosisError('not_found', `no level ${wanted}: ${known}`);
  }
  const roots = levels.filter((info) => info.parent === '');
  const [only] = roots;
  if (only !== undefined && roots.length === 1) return only;
  if (roots.length > 1)
    throw new MitosisError('invalid_input', `which level? Name one of ${names.join(', ')}`);
  throw new MitosisError('not_found', 'no level lives here: start one with `mitosis up <compose file>`');
};

/** Splits leading level from the rest: the first argument is the level when one of that name lives here. */
export const splitLevel = (
  args: readonly string[],
  levels: readonly agent.LevelInfo[],
  /** Arguments the command needs beside the level: with exactly so many, none of them is the level. */
  needed = 0,
): { readonly level: string | undefined; readonly rest: readonly string[] } => {
  const [first, ...rest] = args;
  if (first === undefined || args.length <= needed) return { level: undefined, rest: args };
  return levels.some((info) => info.level === first)
    ? { level: first, rest }
    : { level: undefined, rest: args };
};

/** The level and all below it, parents first. */
export const withDescendants = (
  levels: readonly agent.LevelInfo[],
  root: string,
): readonly agent.LevelInfo[] => {
  const below = (name: string): readonly agent.LevelInfo[] =>
    levels.filter((info) => info.parent === name).flatMap((info) => [info, ...below(info.level)]);
  const own = levels.find((info) => info.level === root);
  return own === undefined ? [] : [own, ...below(root)];
};
