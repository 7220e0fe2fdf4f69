/**
 * gRPC edge of the composer: translation only. `GetSpec` and `Offer` are answered by every replica, what changes something
 * by the leader.
 */
import type { common, composer } from '@mitosis/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ComposerReconciler } from './composer.reconciler.js';

export const COMPOSER = Symbol('composer');

@Controller()
export class ComposerController {
  constructor(@Inject(COMPOSER) private readonly reconciler: ComposerReconciler) {}

  @GrpcMethod('Composer', 'Apply')
  apply({ typeGraphJson, expectedGeneration }: composer.ApplyRequest): Promise<composer.ApplyReply> {
    return this.reconciler.commands.apply(typeGraphJson, expectedGeneration);
  }

  @GrpcMethod('Composer', 'GetSpec')
  async getSpec(): Promise<composer.SpecReply> {
    const spec = await this.reconciler.commands.readSpec();
    return spec === null
      ? { generation: 0, typeGraphJson: '', phase: '' }
      : {
          generation: spec.record.generation,
          typeGraphJson: JSON.stringify(spec.record.typeGraph),
          phase: spec.record.phase,
        };
  }

  @GrpcMethod('Composer', 'Override')
  async override(request: composer.OverrideRequest): Promise<common.Empty> {
    await this.reconciler.commands.override(request);
    return {};
  }

  @GrpcMethod('Composer', 'Dispose')
  async dispose(): Promise<composer.DisposeReply> {
    const phase = await this.reconciler.commands.dispose();
    return { done: phase === 'disposed', remaining: phase === 'disposed' ? 0 : this.reconciler.remaining() };
  }

  @GrpcMethod('Composer', 'Offer')
  offer(): composer.LevelOffer {
    return this.reconciler.offer();
  }
}
