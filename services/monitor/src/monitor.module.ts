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
