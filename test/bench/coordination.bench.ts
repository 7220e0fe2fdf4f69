/**
 * Failover beside etcd3's own Election in the same run, and large watched views. One JSON line a figure.
 * Usage: pnpm bench:coordination [events] [kill|term|black-hole|views|loss|all] [mitosis|etcd3|all] [minutes of loss]
 * The network faults need root: namespaces of their own, with drop rules. `pnpm bench:coordination:table FILE…` makes the
 * table of docs/coordination.md of the lines.
 */
import { benchBlackHole } from './coordination/black-hole.js';
import { benchHandOver } from './coordination/hand-over.js';
import { benchPacketLoss } from './coordination/packet-loss.js';
import { benchViews } from './coordination/views.js';

const LOSS_MINUTES = 10;
const [, , told = '100', only = 'all', who = 'all', minutes = String(LOSS_MINUTES)] = process.argv;
const events = Number(told);
const wants = (part: string): boolean => only === 'all' || only === part;

for (const by of ['mitosis', 'etcd3'] as const) {
  if (who !== 'all' && who !== by) continue;
  if (wants('kill')) await benchHandOver(by, 'SIGKILL', events);
  if (wants('term')) await benchHandOver(by, 'SIGTERM', events);
  if (wants('black-hole')) await benchBlackHole(by, events);
}
if (wants('views')) await benchViews(events);
if (wants('loss')) await benchPacketLoss(Number(minutes));
process.exit(0);
