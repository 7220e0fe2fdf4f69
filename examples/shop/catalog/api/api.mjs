/**
 * The catalog's interface: `/items`. Reads the store at most once a second and goes on with what it knows while the
 * store is away. Capacity of an instance: 2 workers / 40 ms = 50 requests per second.
 */
import { getJson } from '../../program/call.mjs';
import { serve } from '../../program/serve.mjs';
import { createWorkers } from '../../program/workers.mjs';

const storeUrl = process.env.STORE_URL ?? 'http://127.0.0.1:8084';
const FRESH_MS = 1_000;
const STORE_TIMEOUT_MS = 800;

const workers = createWorkers({ workers: 2, serviceMs: 40 });
let known = { items: undefined, atMs: -Infinity };
/** @type {Promise<void> | undefined} */
let reading;

const readOnce = async () => {
  try {
    const { items } = await getJson(`${storeUrl}/stock`, STORE_TIMEOUT_MS);
    known = { items, atMs: performance.now() };
  } finally {
    reading = undefined;
  }
};

/** One read at a time, whoever asks. */
const read = () => (reading ??= readOnce());

const items = async () => {
  await workers.work();
  if (known.items === undefined) await read();
  // Read beside the request: what is known is shown at once.
  else if (performance.now() - known.atMs > FRESH_MS) read().catch(() => undefined);
  return { body: { items: known.items } };
};

serve({ port: 8082, routes: { '/items': items } });
