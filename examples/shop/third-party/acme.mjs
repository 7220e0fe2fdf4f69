/**
 * A simulated payment provider outside of the shop: not part of the composition, Mitosis neither starts nor knows it.
 * `PUT /control?latencyMs=1500&failRatio=0.2` makes it slow or failing; `GET /control` shows how it is set.
 * Usage: node acme.mjs [port]
 */
import { serve } from '../program/serve.mjs';

const settings = { latencyMs: 20, failRatio: 0 };

const authorise = async (url) => {
  await new Promise((resolve) => setTimeout(resolve, settings.latencyMs));
  if (Math.random() < settings.failRatio) return { status: 500, body: { error: 'acme is having a bad day' } };
  return { body: { provider: 'acme', authorisation: `acme-${url.searchParams.get('order')}` } };
};

const control = async (url, request) => {
  if (request.method === 'PUT')
    for (const name of Object.keys(settings)) {
      const value = Number(url.searchParams.get(name) ?? settings[name]);
      if (!Number.isFinite(value) || value < 0)
        return { status: 400, body: { error: `${name}: a number ≥ 0` } };
      settings[name] = value;
    }
  return { body: settings };
};

serve({ port: Number(process.argv[2] ?? 9471), routes: { '/authorise': authorise, '/control': control } });
