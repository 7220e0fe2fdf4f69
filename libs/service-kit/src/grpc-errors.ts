/**
 * The one place where gRPC statuses become errors again, and where an error says who leads instead. What comes without
 * our exact code (a proxy, a connection error) is mapped by its status.
 */
import { status, type Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  ERROR_CODE_KEY,
  FencedError,
  MitosisError,
  STATUS_OF,
  toGrpcStatus,
  type ErrorCode,
  type GrpcStatusError,
} from '@mitosis/contracts';

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

const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(STATUS_OF, value);

/** For the serving side: who leads goes with it, where it is known. */
export const toGrpcError = (error: unknown): GrpcStatusError => {
  const answer = toGrpcStatus(error);
  if (error instanceof NotLeaderError && error.leader !== '') answer.metadata.set(LEADER_KEY, error.leader);
  return answer;
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
  const told = first(error.metadata, ERROR_CODE_KEY);
  const code = isErrorCode(told) ? told : codeOfStatus(error.code);
  const message = `${where}: ${error.details || error.message}`;
  if (code === 'not_leader') return new NotLeaderError(first(error.metadata, LEADER_KEY), message);
  if (code === 'fenced') return new FencedError(message, { cause: error });
  return new MitosisError(code, message, { cause: error });
};
