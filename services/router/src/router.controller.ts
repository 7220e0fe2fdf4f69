/** gRPC edge of the router: every replica answers for itself, leading or not. Translation only. */
import type { router } from '@mitosis/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import type { RouterReconciler } from './router.reconciler.js';

export const ROUTER = Symbol('router');

@Controller()
export class RouterController {
  constructor(@Inject(ROUTER) private readonly reconciler: RouterReconciler) {}

  @GrpcMethod('Router', 'StreamMetrics')
  streamMetrics(): Observable<router.RouterMetrics> {
    return this.reconciler.streamMetrics();
  }

  @GrpcMethod('Router', 'EntryEndpoints')
  entryEndpoints(): router.EntryEndpointsReply {
    return this.reconciler.entryEndpoints();
  }

  @GrpcMethod('Router', 'Table')
  table(): router.TableReply {
    return this.reconciler.table();
  }
}
