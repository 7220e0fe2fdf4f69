/** The one tree of errors. Expected outcomes are returned, not thrown; failures are these, mapped to gRPC and HTTP in one place. */
export type ErrorCode =
  | 'invalid_input'
  | 'not_found'
  | 'conflict'
  | 'not_leader'
  | 'fenced'
  | 'unavailable'
  | 'deadline'
  | 'exhausted'
  | 'internal';

const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['not_leader', 'unavailable', 'deadline']);

export class MitosisError extends Error {
  readonly retryable: boolean;
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = 'MitosisError';
    this.retryable = RETRYABLE.has(code);
  }
}

/** Thrown when a leader's write or act was refused because a successor exists. Never retried. */
export class FencedError extends MitosisError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super('fenced', message, options);
    this.name = 'FencedError';
  }
}
