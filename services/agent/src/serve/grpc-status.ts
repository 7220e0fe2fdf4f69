/** Errors as gRPC statuses. The exact code travels as metadata, as every service of Mitosis sends it. */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { MitosisError, type ErrorCode } from '@mitosis/contracts';

const STATUS: Readonly<Record<ErrorCode, status>> = {
  invalid_input: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  conflict: status.ABORTED,
  not_leader: status.FAILED_PRECONDITION,
  fenced: status.FAILED_PRECONDITION,
  unavailable: status.UNAVAILABLE,
  deadline: status.DEADLINE_EXCEEDED,
  exhausted: status.RESOURCE_EXHAUSTED,
  internal: status.INTERNAL,
};

export const toGrpcStatus = (
  error: unknown,
): Pick<ServiceError, 'code' | 'details' | 'metadata' | 'message' | 'name'> => {
  const code: ErrorCode = error instanceof MitosisError ? error.code : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  const metadata = new Metadata();
  metadata.set('mitosis-code', code);
  return { name: 'AgentError', code: STATUS[code], message, details: message, metadata };
};
