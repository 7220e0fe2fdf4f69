/**
 * Leaders of a real level that lose their office while work is pending: an instance ended, a count changed by hand and an
 * override of nothing was made, or a target wants its placement (by turns where the leader is killed; the first two at once
 * else). How long until the first act of the successor that an agent accepts (health), and the first write that is needed and
 * committed (composer, autoscaler, placer); and, judged by the agents' histories, whether acts of two epochs ever interleave.
 * The monitor writes nothing; a router's leader only where there are child levels. JSON lines.
 * Usage: pnpm bench:failover [events] [killed|stopped|accused|all]
 */
import { checkHistory, describeReport, readHistory } from '@mitosis/history';
import { print, summary } from './coordination/statistics.js';
import { BenchLevel } from './failover/bench-level.js';
import { WAYS, type Way, type WayName } from './failover/ways.js';

const [, , told = '100', only = 'all'] = process.argv;
const events = Number(told);
const names = (Object.keys(WAYS) as WayName[]).filter((name) => only === 'all' || only === name);
if (!Number.isInteger(events) || events < 1 || names.length === 0) {
  process.stderr.write(`usage: pnpm bench:failover [events] [${Object.keys(WAYS).join('|')}|all]\n`);
  process.exit(2);
}

let overlaps = 0;
for (const name of names) overlaps += await bench(name);
process.exit(overlaps === 0 ? 0 : 1);

/** Returns how often a rule of the histories was violated. */
async function bench(name: WayName): Promise<number> {
  const way: Way = WAYS[name];
  const figures = new Map<string, number[]>();
  const level = await BenchLevel.up();
  try {
    for (let number = 0; number < events; number += 1)
      await way.event(level, number, (what, ms) => figures.set(what, [...(figures.get(what) ?? []), ms]));
    const report = checkHistory(readHistory(level.host.home));
    const { problems, incomplete, counts } = report;
    if (problems.length > 0) process.stderr.write(`${describeReport(report)}\n`);
    for (const [event, values] of figures)
      print({
        bench: 'failover',
        how: name,
        event,
        ...summary(values),
        ...(way.limits === undefined ? {} : { limits: way.limits }),
      });
    print({
      bench: 'failover',
      how: name,
      event: 'overlaps at the agents',
      events,
      overlaps: problems.length,
      incomplete: incomplete.length,
      takeovers: counts.takeovers,
      actsAccepted: counts.actsAccepted,
      actsRefused: counts.actsRefused,
    });
    return problems.length;
  } finally {
    await level.dispose();
  }
}
