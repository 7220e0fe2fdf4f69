/** gRPC edge of the autoscaler: translation only. `Targets` is answered by every replica, `SetObjective` by the leader. */
import type { autoscaler } from '@mitosis/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { AutoscalerReconciler } from './autoscaler.reconciler.js';

export const AUTOSCALER = Symbol('autoscaler');

@Controller()
export class AutoscalerController {
  constructor(@Inject(AUTOSCALER) private readonly reconciler: AutoscalerReconciler) {}

  @GrpcMethod('Autoscaler', 'SetObjective')
  setObjective(share: autoscaler.ObjectiveShare): Promise<autoscaler.CostCurve> {
    return this.reconciler.handDown(share);
  }

  @GrpcMethod('Autoscaler', 'Targets')
  targets(): autoscaler.TargetsReply {
    return { targets: [...this.reconciler.targets()] };
  }
}
