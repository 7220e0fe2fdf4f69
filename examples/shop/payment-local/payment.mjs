/**
 * The shop's own payment component: dearer than the third party, but ours.
 * Capacity of an instance: 4 workers / 60 ms = 66 requests per second.
 */
import { serve } from '../program/serve.mjs';
import { createWorkers } from '../program/workers.mjs';

const workers = createWorkers({ workers: 4, serviceMs: 60 });

serve({
  port: 8083,
  routes: {
    '/authorise': async (url) => {
      await workers.work();
      return { body: { provider: 'own', authorisation: `own-${url.searchParams.get('order')}` } };
    },
  },
});
