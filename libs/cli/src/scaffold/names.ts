/** Names of what is scaffolded: they become file names, identifiers, keys in etcd and names of containers. */
import { MitosisError } from '@mitosis/contracts';

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

export interface NameRules {
  /** What it names, for the message: `policy`. */
  readonly kind: string;
  readonly example: string;
  readonly maxLength: number;
  /** Names that mean something already. */
  readonly taken: readonly string[];
}

/** Throws MitosisError `invalid_input` for what is no name, or one that is taken. */
export const checkedName = (name: string, { kind, example, maxLength, taken }: NameRules): string => {
  if (!NAME.test(name) || name.length > maxLength)
    throw new MitosisError(
      'invalid_input',
      `${JSON.stringify(name)} is no name of a ${kind}: write up to ${maxLength} small letters, digits and single hyphens, a letter first, for example ${example}`,
    );
  if (taken.includes(name))
    throw new MitosisError(
      'invalid_input',
      `there is a ${kind} ${name} already (${taken.join(', ')}): take another name`,
    );
  return name;
};
