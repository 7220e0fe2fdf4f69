/** A comparison of policies as one page that needs nothing else. Pure. */
import type { Comparison } from '@mitosis/simulation/workload';
import { escapeXml, PALETTE_CSS } from '../../tour/report/svg.js';
import { colourOf, renderPlots } from './plots.js';
import { clairvoyantCells, outcomeCells, outcomeHead, summaryOf } from './table.js';

const CSS = `${PALETTE_CSS}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 24px 64px}h1{font-size:26px;margin:0 0 4px}p{margin:4px 0;color:var(--muted);max-width:85ch}
figure{margin:18px 0;border:1px solid var(--grid);border-radius:10px;overflow:hidden}svg{display:block;width:100%;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;margin:18px 0 0;font-size:14px}.legend i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:7px;vertical-align:middle}
.legend i.best{height:0;border-top:2px dashed var(--muted);border-radius:0}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}th{color:var(--muted);font-weight:500}
th,td{padding:6px 0 6px 14px;border-bottom:1px solid var(--grid);text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;font-size:13px;color:var(--muted)}dt{color:var(--ink)}dd{margin:0}`;

const MEANINGS = [
  ['late %', 'requests answered after the objective, or not at all'],
  ['late time %', 'seconds in which more than one request in a hundred was late'],
  [
    'inst-h, cost',
    'instances paid, from the decision to start to the decision to stop; in money with --price',
  ],
  [
    '× best',
    'instance-time over that of the clairvoyant, which knows the whole trace and holds the same late share',
  ],
  ['θU, θO', 'mean shortage and surplus of instances relative to what the load demands (SPEC elasticity)'],
  ['τU, τO', 'share of time with too few and too many'],
  ['υ', 'share of minutes in which supply and demand move in different directions'],
] as const;

const row = (cells: readonly string[], width: number, tag: 'td' | 'th'): string =>
  `<tr>${Array.from({ length: width }, (_, i) => `<${tag}>${escapeXml(cells[i] ?? '')}</${tag}>`).join('')}</tr>`;

const tableOf = (comparison: Comparison): string => {
  const head = outcomeHead(comparison);
  const rows = comparison.policies.map((policy) => outcomeCells(policy, comparison));
  const body = [...rows, clairvoyantCells(comparison)].map((cells) => row(cells, head.length, 'td'));
  return `<table><thead>${row(head, head.length, 'th')}</thead><tbody>${body.join('')}</tbody></table>`;
};

export const renderSimulationPage = (name: string, comparison: Comparison): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Mitosis: ${escapeXml(name)} simulated</title><style>${CSS}</style></head><body><main>
<h1>${escapeXml(name)} under ${escapeXml(comparison.trace)}</h1>
<p>${escapeXml(summaryOf(comparison))}. Played in virtual time with the decision code of production.</p>
<div class="legend">${comparison.policies
  .map(({ policy }, i) => `<span><i style="background:${colourOf(i)}"></i>${escapeXml(policy)}</span>`)
  .join('')}<span><i class="best"></i>the clairvoyant</span></div>
<figure>${renderPlots(comparison)}</figure>
<div class="wide">${tableOf(comparison)}</div>
<dl>${MEANINGS.map(([term, meaning]) => `<dt>${escapeXml(term)}</dt><dd>${escapeXml(meaning)}</dd>`).join('')}</dl>
</main></body></html>
`;
