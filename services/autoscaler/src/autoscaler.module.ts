/** All wiring of the autoscaler. */
import { autoscaler } from '@mitosis/contracts';
import type { ServiceDefinition } from '@mitosis/service-kit';
import { Module } from '@nestjs/common';
import { AUTOSCALER_SETTINGS, readAutoscalerConfig } from './autoscaler.config.js';
import { AUTOSCALER, AutoscalerController } from './autoscaler.controller.js';
import { AutoscalerReconciler } from './autoscaler.reconciler.js';

@Module({})
class AutoscalerModule {}

export const autoscalerService: ServiceDefinition = {
  name: 'autoscaler',
  grpc: { Autoscaler: autoscaler.AutoscalerService },
  settings: AUTOSCALER_SETTINGS,
  metrics: ['mitosis_autoscaler_target', 'mitosis_autoscaler_recommended'],
  create: () => {
    const shell = new AutoscalerReconciler(readAutoscalerConfig(process.env));
    return {
      shell,
      module: {
        module: AutoscalerModule,
        controllers: [AutoscalerController],
        providers: [{ provide: AUTOSCALER, useValue: shell }],
      },
    };
  },
};
