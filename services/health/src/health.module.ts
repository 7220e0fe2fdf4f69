/** All wiring of the health service. */
import { health } from '@mitosis/contracts';
import type { ServiceDefinition } from '@mitosis/service-kit';
import { Module, type DynamicModule } from '@nestjs/common';
import { HEALTH, HealthController } from './health.controller.js';
import { HealthReconciler } from './health.reconciler.js';

@Module({})
export class HealthModule {
  static with(reconciler: HealthReconciler): DynamicModule {
    return {
      module: HealthModule,
      controllers: [HealthController],
      providers: [{ provide: HEALTH, useValue: reconciler }],
    };
  }
}

export const healthService: ServiceDefinition = {
  name: 'health',
  grpc: { Health: health.HealthService },
  create: () => {
    const shell = new HealthReconciler();
    return { shell, module: HealthModule.with(shell) };
  },
};
