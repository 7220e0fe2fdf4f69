/** All wiring of the composer. */
import { composer } from '@mitosis/contracts';
import type { ServiceDefinition } from '@mitosis/service-kit';
import { Module } from '@nestjs/common';
import { COMPOSER, ComposerController } from './composer.controller.js';
import { ComposerReconciler } from './composer.reconciler.js';

@Module({})
class ComposerModule {}

export const composerService: ServiceDefinition = {
  name: 'composer',
  grpc: { Composer: composer.ComposerService },
  create: () => {
    const shell = new ComposerReconciler();
    return {
      shell,
      module: {
        module: ComposerModule,
        controllers: [ComposerController],
        providers: [{ provide: COMPOSER, useValue: shell }],
      },
    };
  },
};
