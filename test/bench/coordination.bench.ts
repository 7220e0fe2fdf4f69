/**
 * Failover beside etcd3's own Election in the same run, and large watched views. One JSON line a figure.
 * Usage: pnpm bench:coordination [events] [kill|term|black-hole|views|loss] [minutes of loss, 10]
 * The network faults need root: namespaces of their own, with drop rules.
 */
import { benchBlackHole } from './coordination/black-hole.js';
import { benchHandOver } from './coordination/hand-over.js';
import { benchPacketLoss } from './coordination/packet-loss.js';
import { benchViews } from './coordination/views.js';

const events = Number(process.argv[2] ?? 100);
const only = process.argv[3] ?? '';
const wants = (part: string): boolean => only === '' || only === part;

for (const by of ['mitosis', 'etcd3'] as const) {
  if (wants('kill')) await benchHandOver(by, 'SIGKILL', events);
  if (wants('term')) await benchHandOver(by, 'SIGTERM', events);
  if (wants('black-hole')) await benchBlackHole(by, events);
}
if (wants('views')) await benchViews(events);
if (wants('loss')) await benchPacketLoss(Number(process.argv[4] ?? 10));
process.exit(0);
