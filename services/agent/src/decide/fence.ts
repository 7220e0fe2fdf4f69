/** The end of the fence: an act of an older leadership than the newest one seen is refused, whatever it says. */
import { compareEpochs, formatEpoch, type common, type Epoch } from '@mitosis/contracts';

export type FenceVerdict =
  /** `highest` is to be on disk before the act is carried out when `raised`. */
  | { readonly kind: 'accepted'; readonly highest: Epoch; readonly raised: boolean }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'invalid'; readonly reason: string };

export const judgeAct = (highest: Epoch, act: common.ActHeader | undefined): FenceVerdict => {
  if (act === undefined || act.level === '') return { kind: 'invalid', reason: 'the act names no level' };
  if (act.epoch === undefined) return { kind: 'invalid', reason: 'the act names no epoch' };
  const order = compareEpochs(act.epoch, highest);
  if (order >= 0) return { kind: 'accepted', highest: act.epoch, raised: order > 0 };
  const by = [act.function, act.replica].filter((part) => part !== '').join(' of ');
  return {
    kind: 'refused',
    reason:
      `the epoch ${formatEpoch(act.epoch)} of this act is older than ${formatEpoch(highest)}, ` +
      `the highest seen of level ${act.level}${by === '' ? '' : ` (from ${by})`}`,
  };
};
