/**
 * The one place where errors become gRPC statuses and statuses become errors. The status code alone is ambiguous
 * (`fenced` and `not_leader` are both FAILED_PRECONDITION), so the exact code travels as trailing metadata; what comes
 * without it (the agent, a proxy, a connection error) is mapped by its status.
 */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { FencedError, MitosisError, type ErrorCode } from '@mitosis/contracts';

const CODE_KEY = 'mitosis-code';
const LEADER_KEY = 'mitosis-leader';

/** This replica does not lead the function; `leader` is the gRPC address of the one that does, empty when nobody is known. */
export class NotLeaderError extends MitosisError {
  constructor(
    readonly leader: string,
    message: string,
  ) {
    super('not_leader', message);
    this.name = 'NotLeaderError';
  }
}

const STATUS_OF: Readonly<Record<ErrorCode, status>> = {
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

const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(STATUS_OF, value);

export interface GrpcStatusError extends Error {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** For the serving side. Errors that are not ours become INTERNAL with their message. */
export const toGrpcError = (error: unknown): GrpcStatusError => {
  const ours = error instanceof MitosisError ? error : undefined;
  const code: ErrorCode = ours?.code ?? 'internal';
  const message = error instanceof Error ? error.message : String(error);
  const metadata = new Metadata();
  metadata.set(CODE_KEY, code);
  if (error instanceof NotLeaderError && error.leader !== '') metadata.set(LEADER_KEY, error.leader);
  return Object.assign(new Error(message), { code: STATUS_OF[code], details: message, metadata });
};

const codeOfStatus = (code: status): ErrorCode => {
  switch (code) {
    case status.INVALID_ARGUMENT:
    case status.OUT_OF_RANGE:
    case status.UNIMPLEMENTED:
      return 'invalid_input';
    case status.NOT_FOUND:
      return 'not_found';
    case status.ABORTED:
    case status.ALREADY_EXISTS:
      return 'conflict';
    case status.FAILED_PRECONDITION:
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return 'fenced';
    case status.UNAVAILABLE:
      return 'unavailable';
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
      return 'deadline';
    case status.RESOURCE_EXHAUSTED:
      return 'exhausted';
    case status.OK:
    case status.UNKNOWN:
    case status.INTERNAL:
    case status.DATA_LOSS:
      return 'internal';
    default:
      return 'internal';
  }
};

const first = (metadata: Metadata | undefined, key: string): string =>
  metadata?.get(key)[0]?.toString() ?? '';

/** For the calling side; `where` names service, method and address. */
export const fromGrpcError = (error: ServiceError, where: string): MitosisError => {
  const told = first(error.metadata, CODE_KEY);
  const code = isErrorCode(told) ? told : codeOfStatus(error.code);
  const message = `${where}: ${error.details || error.message}`;
  if (code === 'not_leader') return new NotLeaderError(first(error.metadata, LEADER_KEY), message);
  if (code === 'fenced') return new FencedError(message, { cause: error });
  return new MitosisError(code, message, { cause: error });
};
