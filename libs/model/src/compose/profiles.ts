/** Profiles: which services take part. */
import { childMap, itemsOf, type Node, plain, type Position } from '../source/node.js';

export interface ActiveServices {
  readonly services: ReadonlyMap<string, { readonly node: Node; readonly at: Position }>;
  /** Names that a profile leaves out, with the profiles that would bring them in. */
  readonly inactive: ReadonlyMap<string, readonly string[]>;
}

/** A service without profiles always takes part; `*` stands for all profiles. */
export const activeServices = (root: Node, profiles: readonly string[]): ActiveServices => {
  const services = new Map<string, { node: Node; at: Position }>();
  const inactive = new Map<string, readonly string[]>();
  for (const [name, { keyAt, value }] of childMap(root, 'services')?.entries ?? []) {
    const own = itemsOf(value, 'profiles').map((item) => String(plain(item)));
    const active =
      own.length === 0 || own.some((profile) => profiles.includes(profile) || profiles.includes('*'));
    if (active) services.set(name, { node: value, at: keyAt });
    else inactive.set(name, own);
  }
  return { services, inactive };
};
