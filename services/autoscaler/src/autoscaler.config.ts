/** The autoscaler's own settings; those every management process has are the kit's. */
import { readSettings, setting, textOr, wholeNumberOr } from '@mitosis/service-kit';

export interface AutoscalerConfig {
  /** No scale-in before the count was too high for this long, where the composition names no time of its own. */
  readonly holdMs: number;
  /** Width of a sample of use; sizes are advised after ten. */
  readonly sizeSampleMs: number;
  /** File about a system beside this one; empty: the level's store and monitor say what there is. */
  readonly outside: string;
}

/** As short as a start takes on the fastest site, as long as HPA's default window three times over. */
const HOLD_MIN_MS = 1_000;
const HOLD_MAX_MS = 900_000;
/** As often as there is a measurement, as seldom as an hour's change still has six of them. */
const SAMPLE_MIN_MS = 1_000;
const SAMPLE_MAX_MS = 600_000;

export const AUTOSCALER_SETTINGS = {
  holdMs: setting(
    'MITOSIS_AUTOSCALER_HOLD_MS',
    wholeNumberOr(60_000, HOLD_MIN_MS, HOLD_MAX_MS),
    `milliseconds between ${HOLD_MIN_MS} and ${HOLD_MAX_MS}`,
  ),
  sizeSampleMs: setting(
    'MITOSIS_AUTOSCALER_SIZE_SAMPLE_MS',
    wholeNumberOr(60_000, SAMPLE_MIN_MS, SAMPLE_MAX_MS),
    `milliseconds between ${SAMPLE_MIN_MS} and ${SAMPLE_MAX_MS}`,
  ),
  outside: setting('MITOSIS_OUTSIDE', textOr(''), 'the path of a file about the system beside (alone.md)'),
};

export const readAutoscalerConfig = (env: Readonly<Record<string, string | undefined>>): AutoscalerConfig =>
  readSettings(AUTOSCALER_SETTINGS, env);
