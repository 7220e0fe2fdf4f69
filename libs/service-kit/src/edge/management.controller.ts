/** gRPC `Management`, served by every replica of every function: translation only. */
import {
  isFunctionName,
  MitosisError,
  type common,
  type ControlMode,
  type FunctionName,
  type management,
} from '@mitosis/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { map, type Observable } from 'rxjs';
import { EMPTY, PROCESS_STATE, type ProcessState } from './process-state.js';

const DECISIONS_DEFAULT = 100;
const DECISIONS_MAX = 1_000;
const MODES: ReadonlySet<string> = new Set<ControlMode>(['run', 'advise', 'paused']);

@Controller()
export class ManagementController {
  constructor(@Inject(PROCESS_STATE) private readonly state: ProcessState) {}

  @GrpcMethod('Management', 'Directory')
  directory(): management.DirectoryReply {
    return this.state.directory();
  }

  @GrpcMethod('Management', 'SetControl')
  async setControl(request: management.ControlRequest): Promise<common.Empty> {
    await this.state.setControl(functionOf(request.function), modeOf(request.mode));
    return EMPTY;
  }

  @GrpcMethod('Management', 'Decisions')
  decisions(request: management.DecisionsRequest): Observable<management.Decision> {
    const limit = request.limit <= 0 ? DECISIONS_DEFAULT : Math.min(request.limit, DECISIONS_MAX);
    return this.state
      .decisions({
        function: request.function === '' ? undefined : functionOf(request.function),
        component: request.component,
        limit,
        follow: request.follow,
      })
      .pipe(map((record) => ({ json: JSON.stringify(record) })));
  }

  @GrpcMethod('Management', 'Resign')
  async resign(request: management.ResignRequest): Promise<common.Empty> {
    await this.state.resign(functionOf(request.function));
    return EMPTY;
  }

  @GrpcMethod('Management', 'Status')
  status(): management.StatusReply {
    return { json: JSON.stringify(this.state.status()) };
  }
}

const functionOf = (name: string): FunctionName => {
  if (isFunctionName(name)) return name;
  throw new MitosisError('invalid_input', `there is no function ${JSON.stringify(name)}`);
};

const modeOf = (mode: string): ControlMode => {
  if (MODES.has(mode)) return mode as ControlMode;
  throw new MitosisError('invalid_input', `mode ${JSON.stringify(mode)}: expected run, advise or paused`);
};
