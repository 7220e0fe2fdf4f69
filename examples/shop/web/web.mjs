/**
 * The shop's front: `/` shows the catalog, `/checkout?order=N` asks the payment provider. Each page takes a worker for
 * 80 ms; waiting for the others takes none, so that a slow provider does not cost the pages their workers.
 * Capacity of an instance: 2 workers / 80 ms = 25 requests per second.
 */
import { getJson } from '../program/call.mjs';
import { serve } from '../program/serve.mjs';
import { createWorkers } from '../program/workers.mjs';

const catalogUrl = process.env.CATALOG_URL ?? 'http://127.0.0.1:8082';
const paymentUrl = process.env.PAYMENT_URL ?? 'http://127.0.0.1:8083';
const CATALOG_TIMEOUT_MS = 1_000;
const PAYMENT_TIMEOUT_MS = 5_000;

const workers = createWorkers({ workers: 2, serviceMs: 80 });
/** What the catalog last said: shown, and said to be old, when it does not answer. */
let lastItems = [];

const page = async () => {
  await workers.work();
  let degraded = {};
  try {
    lastItems = (await getJson(`${catalogUrl}/items`, CATALOG_TIMEOUT_MS)).items;
  } catch {
    degraded = { 'x-degraded': 'catalog' };
  }
  const rows = lastItems.map(
    (item) => `<li>${item.name}: ${item.price.toFixed(2)} (${item.stock} left)</li>`,
  );
  return {
    headers: degraded,
    body: `<!doctype html><title>Shop</title><h1>Shop</h1><ul>${rows.join('')}</ul>`,
  };
};

const checkout = async (url) => {
  await workers.work();
  const order = encodeURIComponent(url.searchParams.get('order') ?? '0');
  // Idempotent: the provider answers the same authorisation for the same order.
  const { provider, authorisation } = await getJson(
    `${paymentUrl}/authorise?order=${order}`,
    PAYMENT_TIMEOUT_MS,
  );
  return { body: { order, paidWith: provider, authorisation }, headers: { 'x-provider': provider } };
};

serve({ port: 8081, routes: { '/': page, '/checkout': checkout } });
