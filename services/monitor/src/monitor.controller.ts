/** gRPC edge of the monitor: every replica answers, leading or not. */
import type { monitor } from '@mitosis/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import type { MonitorReconciler } from './monitor.reconciler.js';

export const MONITOR = Symbol('monitor');

@Controller()
export class MonitorController {
  constructor(@Inject(MONITOR) private readonly reconciler: MonitorReconciler) {}

  @GrpcMethod('Monitor', 'Snapshot')
  snapshot(): monitor.LevelSnapshot {
    return this.reconciler.snapshot();
  }

  @GrpcMethod('Monitor', 'Watch')
  watch(): Observable<monitor.LevelSnapshot> {
    return this.reconciler.watch();
  }

  @GrpcMethod('Monitor', 'Summary')
  summary(): monitor.LevelSummary {
    return this.reconciler.summary();
  }
}
