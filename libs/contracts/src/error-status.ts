/**
 * Errors as gRPC statuses. The status alone is ambiguous (`fenced` and `not_leader` are both FAILED_PRECONDITION), so
 * every server of Mitosis sends the exact code as trailing metadata.
 */
import { Metadata, status } from '@grpc/grpc-js';
import { MitosisError, type ErrorCode } from './errors.js';

export const STATUS_OF: Readonly<Record<ErrorCode, status>> = {
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

export const ERROR_CODE_KEY = 'mitosis-code';

export interface GrpcStatusError extends Error {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** For the serving side. Errors that are not ours become INTERNAL with their message. */
export const toGrpcStatus = (error: unknown): GrpcStatusError => {
  const code: ErrorCode = error instanceof MitosisError ? error.code : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  const metadata = new Metadata();
  metadata.set(ERROR_CODE_KEY, code);
  return Object.assign(new Error(message), { code: STATUS_OF[code], details: message, metadata });
};
