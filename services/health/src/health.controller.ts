/** gRPC `Health`: translation only. */
import { MitosisError, type health, type InstanceRecord } from '@mitosis/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { instanceLogs } from './adapters/instance-logs.js';
import { kill } from './adapters/kill.js';
import type { HealthReconciler } from './health.reconciler.js';

export const HEALTH = Symbol('health');

const SIGNALS: ReadonlySet<string> = new Set([
  'SIGKILL',
  'SIGTERM',
  'SIGINT',
  'SIGSTOP',
  'SIGCONT',
  'SIGHUP',
]);
const TAIL_LINES = 100;

@Controller()
export class HealthController {
  constructor(@Inject(HEALTH) private readonly reconciler: HealthReconciler) {}

  @GrpcMethod('Health', 'Composite')
  composite(): health.CompositeHealth {
    return this.reconciler.composite();
  }

  @GrpcMethod('Health', 'InstanceGraph')
  instanceGraph(): health.InstanceGraphReply {
    return { json: JSON.stringify(this.reconciler.graph()) };
  }

  @GrpcMethod('Health', 'Kill')
  kill(request: health.KillRequest): Promise<health.KillReply> {
    const signal = request.signal === '' ? 'SIGKILL' : request.signal;
    if (!SIGNALS.has(signal)) {
      throw new MitosisError('invalid_input', `${signal}: expected one of ${[...SIGNALS].join(', ')}`);
    }
    const running = this.reconciler.require();
    return running.context.command((session) => kill(running, session, request.target, signal));
  }

  @GrpcMethod('Health', 'Logs')
  logs(request: health.HealthLogsRequest): Observable<health.HealthLogLine> {
    const { context, views } = this.reconciler.require();
    const wanted = (record: InstanceRecord): boolean =>
      request.target === ''
        ? record.class === 'application'
        : record.id === request.target || record.component === request.target;
    const instances = (): readonly InstanceRecord[] =>
      [...views.read().instances.values()].map(({ value }) => value).filter(wanted);
    if (request.target !== '' && instances().length === 0 && !request.follow) {
      throw new MitosisError('not_found', `no instance or component ${JSON.stringify(request.target)}`);
    }
    return instanceLogs(
      {
        level: context.level,
        peers: context.peers,
        instances,
        addressOf: (record) => views.read().sites.get(record.site)?.value.agent,
      },
      {
        tailLines: request.tailLines > 0 ? request.tailLines : TAIL_LINES,
        follow: request.follow,
      },
    );
  }
}
