/** A composition that cannot be used: all that is wrong with it, each with place and remedy. */
export class CompositionError extends Error {
  constructor(
    message: string,
    readonly problems: readonly unknown[],
  ) {
    super(message);
    this.name = 'CompositionError';
  }
}
