/** The last lines of the tour in the terminal: phases, faults, what held. Pure. */
import pc from 'picocolors';
import { table } from '../../output/table.js';
import { formatMs } from '../../output/units.js';
import { detectionSeconds, recoverySeconds } from './judge.js';
import type { TourReport } from './report.js';

const millis = (value: number | null): string => (value === null ? 'unknown' : `${Math.round(value)} ms`);
const seconds = (value: number | null): string => (value === null ? 'not' : `${value.toFixed(1)} s`);

export const renderClosing = (report: TourReport): string =>
  [
    '',
    table(
      ['PHASE', 'SENT', 'FAILED', 'P50', 'P95', 'P99', 'P95 SETTLED', 'RETRIED'],
      report.phases.map(({ title, all, settled }) => [
        title,
        String(all.sent),
        String(all.failed),
        millis(all.p50Ms),
        millis(all.p95Ms),
        millis(all.p99Ms),
        millis(settled.p95Ms),
        String(all.refused + all.resets),
      ]),
    ),
    '',
    table(
      ['FAULT', 'NOTICED', 'RECOVERED', 'HOW'],
      report.faults.map((fault) => [
        fault.what,
        seconds(detectionSeconds(fault)),
        seconds(recoverySeconds(fault)),
        fault.outcome,
      ]),
    ),
    '',
    ...report.criteria.map(
      ({ text, held, found }) => `${held ? pc.green('✓') : pc.red('✗')} ${text}: ${found}`,
    ),
    '',
    verdict(report),
  ].join('\n');

const verdict = (report: TourReport): string => {
  const took = formatMs(report.endedAtMs - report.startedAtMs);
  if (report.verdict === 'held') return pc.green(`The objectives held (${took}).`);
  const failed = report.criteria.filter((criterion) => !criterion.held).length;
  return [
    pc.red(`The objectives did not hold: ${failed} of ${report.criteria.length} criteria failed (${took}).`),
    ...stolenText(report),
  ].join('\n');
};

/** Of the worst second: from here on a tour that failed may have failed for that. */
const STOLEN_MUCH = 0.1;

const stolenText = ({ stolen }: TourReport): readonly string[] => {
  if (stolen === null || stolen.worst < STOLEN_MUCH) return [];
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return [
    `This machine's host gave ${percent(stolen.share)} of its processor time to others meanwhile, ${percent(stolen.worst)} in the` +
      ' worst second (steal in /proc/stat): that may be why. Run it again when the host is quiet.',
  ];
};
