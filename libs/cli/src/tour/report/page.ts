/** `report.html`: the report as one page that needs nothing else. Pure. */
import { formatMs, formatTime } from '../../output/units.js';
import { isTelling } from './telling.js';
import { detectionSeconds, recoverySeconds } from './judge.js';
import type { FaultReport, PhaseReport, TourReport } from './report.js';
import { escapeXml, PALETTE_CSS } from './svg.js';
import { renderTimeline } from './timeline.js';

const CSS = `${PALETTE_CSS}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 24px 64px}h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:40px 0 10px}
p{margin:4px 0;color:var(--muted);max-width:75ch}.verdict{font-weight:700}.held{color:var(--good)}.failed{color:var(--bad)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin:22px 0 8px}
.card{border:1px solid var(--grid);border-radius:10px;padding:12px 14px}.card b{display:block;font-size:23px;font-variant-numeric:tabular-nums}.card span{color:var(--muted);font-size:13px}
figure{margin:18px 0;border:1px solid var(--grid);border-radius:10px;overflow:hidden}svg{display:block;width:100%;height:auto}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}th{color:var(--muted);font-weight:500;text-align:left}
th,td{padding:6px 12px 6px 0;border-bottom:1px solid var(--grid);vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.t{white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--muted)}small{color:var(--muted)}`;

type Cell = { readonly text: string; readonly kind?: string };

const cell = (text: string, kind?: string): Cell => (kind === undefined ? { text } : { text, kind });

const tableOf = (head: readonly Cell[], rows: readonly (readonly Cell[])[]): string => {
  const row = (tag: string, cells: readonly Cell[]): string =>
    `<tr>${cells.map(({ text, kind }) => `<${tag}${kind === undefined ? '' : ` class="${kind}"`}>${escapeXml(text)}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table><thead>${row('th', head)}</thead><tbody>${rows.map((cells) => row('td', cells)).join('')}</tbody></table></div>`;
};

export const renderPage = (report: TourReport): string => {
  const held = report.verdict === 'held';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Mitosis: guided tour of the shop</title><style>${CSS}</style></head><body><main>
<h1>A shop that manages itself</h1>
<p><span class="verdict ${report.verdict}">${held ? 'The objectives held.' : 'The objectives did not hold.'}</span>
p95 at most ${report.objective.p95Ms} ms and at most ${report.objective.errorRatio * 100} % failed requests, end to end, while the load rose to
${(report.peakRate / report.startingCapacity).toFixed(1)} times what the starting instances can serve (${Math.round(report.startingCapacity)} requests per second)
${report.paused.length === 0 ? '' : `, with ${escapeXml(report.paused.join(', '))} paused`} and parts of it were killed or became slow.</p>
${report.broken === '' ? '' : `<p class="failed">The tour did not go through: ${escapeXml(report.broken)}</p>`}
<div class="cards">${cardsOf(report)
    .map(
      ({ value, about }) =>
        `<div class="card"><b>${escapeXml(value)}</b><span>${escapeXml(about)}</span></div>`,
    )
    .join('')}</div>
<figure>${renderTimeline(report)}</figure>
<p>Red lines: a fault; green dashed lines: recovered. All times are those of one machine's clock.</p>
<h2>Phases</h2>${phaseTable(report.phases)}
<h2>Faults</h2>${faultTable(report.faults)}
<h2>What was judged</h2>${tableOf(
    [cell(''), cell('criterion'), cell('found')],
    report.criteria.map(({ text, held: ok, found }) => [
      cell(ok ? 'held' : 'failed', ok ? 'held' : 'failed'),
      cell(text),
      cell(found),
    ]),
  )}
<h2>Decisions</h2>${decisionTable(report)}
<p><small>${escapeXml(
    `${new Date(report.startedAtMs).toISOString()}, ${formatMs(report.endedAtMs - report.startedAtMs)} in all; ${Object.entries(
      report.machine,
    )
      .map(([name, value]) => `${name} ${value}`)
      .join(
        ', ',
      )}${report.stolen === null ? '' : `, ${(100 * report.stolen.share).toFixed(1)} % of its time given to others by its host`}`,
  )}</small></p>
</main></body></html>
`;
};

const secondsText = (seconds: number | null): string =>
  seconds === null ? 'not' : `${seconds.toFixed(1)} s`;

const cardsOf = (report: TourReport): readonly { readonly value: string; readonly about: string }[] => {
  const sent = report.phases.reduce((sum, phase) => sum + phase.all.sent, 0);
  const failed = report.phases.reduce((sum, phase) => sum + phase.all.failed, 0);
  const peak = report.phases.find((phase) => phase.id === 'peak');
  const most = Math.max(
    0,
    ...report.instances.filter((one) => one.component === 'web').map((one) => one.ready),
  );
  const fault = (id: FaultReport['id']): string => {
    const found = report.faults.find((one) => one.id === id);
    return secondsText(found === undefined ? null : recoverySeconds(found));
  };
  const ready = report.readyAfterMs;
  return [
    { value: ready === null ? 'not' : formatMs(ready), about: 'from nothing to ready, two levels' },
    { value: sent.toLocaleString('en'), about: `requests, ${failed} of them failed` },
    { value: millis(peak?.settled.p95Ms ?? null), about: `p95 at ${report.peakRate} requests per second` },
    { value: `2 → ${most}`, about: 'instances of web, most at once' },
    { value: fault('instance'), about: 'until a killed instance was replaced' },
    { value: fault('leader'), about: 'until a killed leader had a successor and was back' },
    { value: fault('provider'), about: 'until a slow third party no longer mattered' },
  ];
};

const millis = (value: number | null): string => (value === null ? '' : `${Math.round(value)} ms`);

const phaseTable = (phases: readonly PhaseReport[]): string =>
  tableOf(
    [
      cell('phase'),
      ...['length', 'sent', 'failed', 'p50', 'p95', 'p99', 'p95 settled', 'retried', 'in part'].map((text) =>
        cell(text, 'n'),
      ),
    ],
    phases.map(({ title, fromMs, toMs, all, settled }) => [
      cell(title),
      ...[
        `${Math.round((toMs - fromMs) / 1_000)} s`,
        String(all.sent),
        String(all.failed),
        millis(all.p50Ms),
        millis(all.p95Ms),
        millis(all.p99Ms),
        millis(settled.p95Ms),
        String(all.refused + all.resets),
        String(all.degraded),
      ].map((text) => cell(text, 'n')),
    ]),
  );

const faultTable = (faults: readonly FaultReport[]): string =>
  tableOf(
    [cell('fault'), cell('noticed after', 'n'), cell('recovered after', 'n'), cell('how')],
    faults.map((fault) => [
      cell(fault.what),
      cell(secondsText(detectionSeconds(fault)), 'n'),
      cell(secondsText(recoverySeconds(fault)), 'n'),
      cell(fault.outcome),
    ]),
  );

const DECISIONS_MAX = 150;

const decisionTable = (report: TourReport): string => {
  const telling = report.decisions.filter(isTelling);
  const shown = telling.slice(-DECISIONS_MAX);
  const left = report.decisions.length - shown.length;
  const about = left === 0 ? '' : `<p>${left} more in report.json.</p>`;
  return (
    tableOf(
      [cell('when'), cell('function'), cell('what'), cell('why')],
      shown.map((one) => [
        cell(formatTime(one.atMs), 't'),
        cell(`${one.level} ${one.function}`),
        cell(`${one.action} ${one.component} ${one.change}${one.applied ? '' : ' (not applied)'}`),
        cell(one.reason),
      ]),
    ) + about
  );
};
