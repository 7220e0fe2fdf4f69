/**
 * The table of docs/coordination.md out of the lines that coordination.bench.ts printed.
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
const figures = (line: Line | undefined): string =>
  line === undefined ? 'not measured' : `${number(line['p50Ms'])} / ${number(line['p99Ms'])} ms`;
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
  `A view of ${number(warm?.['keys'])} keys is warm after ${figures(warm)}; a change reaches ${number(change?.['views'])} such views in ${figures(change)}; a key costs ${number(memory?.['bytesPerKey'])} bytes in each (values of ${number(warm?.['valueBytes'])} bytes).`,
].join('\n');

const page = readFileSync(PAGE, 'utf8');
const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
if (begin < 0 || end < begin) throw new Error(`${PAGE} has no marks ${BEGIN} … ${END}`);
writeFileSync(PAGE, `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`);
process.stdout.write(`${table}\n`);
