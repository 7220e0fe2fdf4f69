/** All wiring of the monitor. */
import { monitor } from '@mitosis/contracts';
import type { ServiceDefinition } from '@mitosis/service-kit';
import { Module } from '@nestjs/common';
import { MONITOR, MonitorController } from './monitor.controller.js';
import { MonitorReconciler } from './monitor.reconciler.js';

@Module({})
class MonitorModule {}

export const monitorService: ServiceDefinition = {
  name: 'monitor',
  grpc: { Monitor: monitor.MonitorService },
  metrics: [
    'known',
    'requests_per_second',
    'error_ratio',
    'latency_p50_seconds',
    'latency_p95_seconds',
    'latency_p99_seconds',
    'in_flight',
    'queued',
    'rejected_per_second',
    'cpu_cores',
    'memory_bytes',
  ].map((name) => `mitosis_component_${name}`),
  create: () => {
    const shell = new MonitorReconciler();
    return {
      shell,
      module: {
        module: MonitorModule,
        controllers: [MonitorController],
        providers: [{ provide: MONITOR, useValue: shell }],
      },
    };
  },
};
