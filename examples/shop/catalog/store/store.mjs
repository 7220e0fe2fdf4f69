/**
 * The catalog's stock, in one file: there must never be two of it (`exclusive`). `GET /stock` shows it,
 * `PUT /stock?item=2&change=-1` changes it. Capacity: 4 workers / 5 ms = 800 requests per second.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serve } from '../../program/serve.mjs';
import { createWorkers } from '../../program/workers.mjs';

const dir = process.env.STOCK_DIR ?? '/tmp/mitosis-shop-stock';
const file = join(dir, 'stock.json');
const FIRST_STOCK = [
  { name: 'Amoeba, framed', price: 24, stock: 12 },
  { name: 'Microscope', price: 180, stock: 3 },
  { name: 'Petri dishes, ten', price: 9.5, stock: 140 },
  { name: 'Agar', price: 12, stock: 57 },
];

mkdirSync(dir, { recursive: true });
const items = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : FIRST_STOCK;
const workers = createWorkers({ workers: 4, serviceMs: 5 });

const save = () => {
  // Beside and renamed: whoever ends this process finds the old file or the new one whole.
  writeFileSync(`${file}.new`, JSON.stringify(items, null, 2));
  renameSync(`${file}.new`, file);
};

const stock = async (url, request) => {
  await workers.work();
  if (request.method === 'PUT') {
    const item = items[Number(url.searchParams.get('item'))];
    const change = Number(url.searchParams.get('change'));
    if (item === undefined || !Number.isInteger(change))
      return { status: 400, body: { error: 'item: 0…, change: a whole number' } };
    item.stock = Math.max(0, item.stock + change);
    save();
  }
  return { body: { items } };
};

save();
serve({ port: 8084, routes: { '/stock': stock } });
