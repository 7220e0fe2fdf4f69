import type { Epoch } from './generated/mitosis/v1/common.js';

/** Orders epochs: incarnation first, then revision. Negative when `a` is older. */
export type { Epoch };

export const compareEpochs = (a: Epoch, b: Epoch): number =>
  a.incarnation - b.incarnation || a.revision - b.revision;

export const formatEpoch = (epoch: Epoch): string => `${epoch.incarnation}.${epoch.revision}`;

export const ZERO_EPOCH: Epoch = { incarnation: 0, revision: 0 };
