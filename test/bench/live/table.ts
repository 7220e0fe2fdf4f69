/** Live and simulated side by side, a line per trace and policy. */
import { markdownHead, markdownRow } from '../markdown.js';
import type { LiveResult } from './replay.js';
import type { Prediction } from './prediction.js';

const HEAD = [
  'trace',
  'policy',
  'live: late % @ instance-s',
  'failed',
  'simulated (range of 20 seeds)',
  'calibrated',
];

const predicted = ({ latePercent, lateFrom, lateUntil, instanceSeconds }: Prediction): string =>
  `${latePercent.toFixed(2)} (${lateFrom.toFixed(1)}–${lateUntil.toFixed(1)}) @ ${Math.round(instanceSeconds)}`;

const cellsOf = ({ trace, policy, live, simulated, calibrated }: LiveResult): readonly string[] => [
  trace,
  policy,
  live === null ? '–' : `${live.latePercent.toFixed(2)} @ ${live.instanceSeconds}`,
  live === null ? '–' : `${live.failed} of ${live.requests}`,
  predicted(simulated),
  calibrated === null ? '–' : predicted(calibrated.prediction),
];

export const renderLive = (results: readonly LiveResult[]): string =>
  [markdownHead(HEAD), ...results.map((result) => markdownRow(cellsOf(result)))].join('\n');
