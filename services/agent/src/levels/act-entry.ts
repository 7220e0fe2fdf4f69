/** An act and its verdict as a line of this host's history. */
import { ZERO_EPOCH, type common } from '@mitosis/contracts';
import type { ActEntry } from '@mitosis/history';

/** `refusal` undefined: accepted. */
export const actEntry = (
  level: string,
  act: common.ActHeader | undefined,
  verb: string,
  id: string,
  refusal: string | undefined,
): ActEntry => ({
  k: 'act',
  verb,
  id,
  level,
  fn: act?.function ?? '',
  replica: act?.replica ?? '',
  epoch: act?.epoch ?? ZERO_EPOCH,
  decision: act?.decision ?? '',
  verdict: refusal === undefined ? 'accepted' : 'refused',
  reason: refusal ?? '',
});
