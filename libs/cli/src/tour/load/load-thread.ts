/** The thread the generator runs in: takes pieces, gives samples in batches. */
import { parentPort, workerData } from 'node:worker_threads';
import { LoadGenerator } from './generator.js';
import type { ThreadInput, ThreadMessage, ThreadOrder } from './load.js';
import type { Sample } from './sample.js';

const BATCH_MS = 100;

const port = parentPort;
if (port === null) throw new Error('load-thread.js is started by load.js, as a thread');

const { target, kinds } = workerData as ThreadInput;
let batch: Sample[] = [];
const generator = new LoadGenerator(target, kinds, (sample) => batch.push(sample));
const post = (message: ThreadMessage): void => port.postMessage(message);

const flush = (): void => {
  if (batch.length > 0) post({ kind: 'samples', samples: batch });
  batch = [];
};
const timer = setInterval(flush, BATCH_MS);

const stop = async (): Promise<void> => {
  await generator.stop();
  clearInterval(timer);
  flush();
  post({ kind: 'stopped' });
  port.close();
};

port.on('message', (order: ThreadOrder) => {
  if (order.kind === 'play') generator.play(order.piece);
  else void stop();
});
