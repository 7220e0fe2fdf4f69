/** The one place where an error leaves the process: as a gRPC status or as an HTTP answer. */
import { MitosisError, type ErrorCode } from '@mitosis/contracts';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';
import { toGrpcError } from '../grpc-errors.js';
import type { Logger } from '../logger.js';

const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid_input: 400,
  not_found: 404,
  conflict: 409,
  not_leader: 421,
  fenced: 409,
  unavailable: 503,
  deadline: 504,
  exhausted: 429,
  internal: 500,
};

interface HttpReply {
  status(code: number): { json(body: unknown): unknown };
}

@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): Observable<never> | undefined {
    if (!(error instanceof MitosisError) && !(error instanceof HttpException)) {
      this.log.error({ err: error }, 'unexpected error at the edge');
    }
    if (host.getType() === 'rpc') return throwError(() => toGrpcError(error));
    const code = error instanceof MitosisError ? error.code : 'internal';
    const status = error instanceof HttpException ? error.getStatus() : HTTP_STATUS[code];
    const message = error instanceof Error ? error.message : String(error);
    host.switchToHttp().getResponse<HttpReply>().status(status).json({ code, message });
    return undefined;
  }
}
