/** All wiring of the placer service. */
import { placer } from '@mitosis/contracts';
import type { ServiceDefinition } from '@mitosis/service-kit';
import { Module, type DynamicModule } from '@nestjs/common';
import { PLACER, PlacerController } from './placer.controller.js';
import { PlacerReconciler } from './placer.reconciler.js';

@Module({})
export class PlacerModule {
  static with(reconciler: PlacerReconciler): DynamicModule {
    return {
      module: PlacerModule,
      controllers: [PlacerController],
      providers: [{ provide: PLACER, useValue: reconciler }],
    };
  }
}

export const placerService: ServiceDefinition = {
  name: 'placer',
  grpc: { Placer: placer.PlacerService },
  create: () => {
    const shell = new PlacerReconciler();
    return { shell, module: PlacerModule.with(shell) };
  },
};
