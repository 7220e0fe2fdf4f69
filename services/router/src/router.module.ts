/** All wiring of the router. */
import { router } from '@mitosis/contracts';
import type { ServiceDefinition } from '@mitosis/service-kit';
import { Module } from '@nestjs/common';
import { readRouterSettings, ROUTER_SETTINGS } from './router.config.js';
import { ROUTER, RouterController } from './router.controller.js';
import { RouterReconciler } from './router.reconciler.js';

@Module({})
class RouterModule {}

/** Above the longest drain (25 s), below what health grants (30 s). */
const STOP_BOUND_MS = 28_000;

export const routerService: ServiceDefinition = {
  name: 'router',
  grpc: { Router: router.RouterService },
  settings: ROUTER_SETTINGS,
  metrics: [
    'requests_total',
    'errors_total',
    'rejected_total',
    'retries_total',
    'request_seconds_total',
    'in_flight',
    'queued',
    'latency_seconds',
  ].map((name) => `mitosis_router_${name}`),
  stopBoundMs: STOP_BOUND_MS,
  create: () => {
    const shell = new RouterReconciler(readRouterSettings(process.env, process.cwd()));
    return {
      shell,
      module: {
        module: RouterModule,
        controllers: [RouterController],
        providers: [{ provide: ROUTER, useValue: shell }],
      },
    };
  },
};
