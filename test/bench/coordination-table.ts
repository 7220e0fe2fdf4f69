/**
 * The tables of docs/coordination.md out of the lines that coordination.bench.ts and failover.bench.ts printed.
 * Usage: pnpm bench:coordination:table FILE…  Rewrites the part between the marks in the page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../../docs/coordination.md', import.meta.url));
const [BEGIN, END] = ['<!-- figures: begin -->', '<!-- figures: end -->'] as const;

interface Line {
  readonly bench: string;
  readonly by?: string;
  readonly how?: string;
  readonly skipped?: string;
  readonly [figure: string]: unknown;
}

const lines = process.argv
  .slice(2)
  .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
  .filter((text) => text.startsWith('{'))
  .map((text) => JSON.parse(text) as Line)
  .filter(({ skipped }) => skipped === undefined);

/** Of several runs the last one counts. */
const find = (bench: string, by?: string, how?: string): Line | undefined =>
  lines.findLast(
    (line) =>
      line.bench === bench && (by === undefined || line.by === by) && (how === undefined || line.how === how),
  );

const number = (value: unknown): string =>
  typeof value === 'number' ? Math.round(value).toLocaleString('en').replaceAll(',', ' ') : '?';
const figures = (line: Line | undefined, missing = 'not measured'): string =>
  line === undefined ? missing : `${number(line['p50Ms'])} / ${number(line['p99Ms'])} ms`;
const overlaps = (line: Line | undefined): string =>
  line === undefined
    ? 'not measured'
    : line['overlaps'] === 0
      ? `0 of ${number(line['events'])}`
      : `${number(line['overlaps'])} of ${number(line['events'])}, up to ${number(line['overlapMaxMs'])} ms`;
const failovers = (line: Line | undefined): string =>
  line === undefined
    ? 'not measured'
    : `${number(line['failovers'])} (${number(line['leaders'])} leaders, ${number(line['minutes'])} min, ${number(line['droppedPackets'])} packets dropped)`;

/** client-go 0.3x, leaderelection: LeaseDuration, RenewDeadline, RetryPeriod. */
const GO = { leaseS: 15, renewS: 10, retryS: 2, jitter: 1.2 };
const goLost = `${GO.leaseS}–${GO.leaseS + GO.retryS * (1 + GO.jitter)} s (lease + retry · (1 + jitter))`;
const goReleased = `≤ ${GO.retryS * (1 + GO.jitter)} s with ReleaseOnCancel, else as lost`;

/** Of the level's own bench: `how` a leader lost its office, and what was waited for. */
const atLevel = (how: string, event: string): Line | undefined =>
  lines.findLast((line) => line.bench === 'failover' && line.how === how && line['event'] === event);
const NEEDED: Readonly<Record<string, string>> = {
  'health: start of a replacement accepted': 'health: an agent accepts the start of a replacement',
  'composer: override of no component removed': 'composer: its write is committed',
  'autoscaler: target written': 'autoscaler: its write is committed',
  'placer: placement written': 'placer: its write is committed',
  'placer: placement written, after the target': 'the same when it has to wait for the autoscaler’s first',
};
const needed = Object.entries(NEEDED).map(
  ([event, what]) =>
    `| ${what} | ${figures(atLevel('killed', event), '–')} | ${figures(atLevel('stopped', event), '–')} |`,
);
const judged = (how: string, what: string): string => {
  const line = atLevel(how, 'overlaps at the agents');
  return line === undefined
    ? `| ${what} | not measured | – | – |`
    : `| ${what} | ${number(line['overlaps'])} of ${number(line['events'])} | ${number(line['actsAccepted'])} | ${number(line['actsRefused'])} |`;
};

const row = (what: string, how: string, go: string): string =>
  `| ${what} | ${figures(find('hand-over', 'mitosis', how))} | ${figures(find('hand-over', 'etcd3', how))} | ${go} |`;
const [warm, change, memory] = [find('view-warm'), find('view-change'), find('view-memory')];
const table = [
  '| from … to the successor’s first accepted write (p50 / p99) | Mitosis | etcd3 `Election` | client-go defaults (formula) |',
  '| --- | --- | --- | --- |',
  row('leader killed', 'SIGKILL', goLost),
  row('leader told to stop', 'SIGTERM', goReleased),
  row('leader’s host cut off', 'black hole', goLost),
  `| two leaders at a time after a cut | ${overlaps(find('hand-over', 'mitosis', 'black hole'))} | ${overlaps(find('hand-over', 'etcd3', 'black hole'))} | not excluded: no fencing |`,
  `| changes for nothing at 1 % packet loss | ${failovers(find('false-failover', 'mitosis'))} | ${failovers(find('false-failover', 'etcd3'))} | – |`,
  '',
  '| work that is due, at a level with three managers (p50 / p99) | leader killed | leader stands still |',
  '| --- | --- | --- |',
  ...needed,
  '',
  '| acts of two leaders interleaved, judged at the agent | events with an overlap | acts accepted | acts of an older epoch refused |',
  '| --- | --- | --- | --- |',
  judged('killed', 'leader killed'),
  judged('stopped', 'leader stopped beyond its lease, resumed while its successor acts'),
  judged(
    'accused',
    'living leader’s lease revoked, every other time while it sleeps and wakes within its lease',
  ),
  '',
  `A view of ${number(warm?.['keys'])} keys is warm after ${figures(warm)}; a change reaches ${number(change?.['views'])} such views in ${figures(change)}; a key costs ${number(memory?.['bytesPerKey'])} bytes in each (values of ${number(warm?.['valueBytes'])} bytes).`,
].join('\n');

const page = readFileSync(PAGE, 'utf8');
const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
if (begin < 0 || end < begin) throw new Error(`${PAGE} has no marks ${BEGIN} … ${END}`);
writeFileSync(PAGE, `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`);
process.stdout.write(`${table}\n`);
