/** Which ports may be handed out: never one in use, and none that another component's clients may still be sent to. */

/** A port is not given to another component for this long after its release (ARCHITECTURE.md, rule 6). */
export const PORT_REST_MS = 600_000;

export interface RestingPort {
  readonly port: number;
  /** `level/component`: this one may have it back at once. */
  readonly owner: string;
  readonly untilMs: number;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface PortCandidatesInput {
  readonly range: PortRange;
  readonly taken: ReadonlySet<number>;
  readonly resting: readonly RestingPort[];
  readonly owner: string;
  /** Where to begin; candidates go round from there, so that a released port comes again as late as possible. */
  readonly cursor: number;
  readonly nowMs: number;
}

/** In the order in which to try them: whether one can be bound is for the caller to find out. */
export function* portCandidates(input: PortCandidatesInput): Generator<number> {
  const { range, taken, owner, cursor, nowMs } = input;
  const barred = new Set(
    input.resting.filter((one) => one.owner !== owner && one.untilMs > nowMs).map(({ port }) => port),
  );
  const size = range.last - range.first + 1;
  for (let i = 0; i < size; i += 1) {
    const port = range.first + ((((cursor + i) % size) + size) % size);
    if (!taken.has(port) && !barred.has(port)) yield port;
  }
}

export const restPorts = (
  resting: readonly RestingPort[],
  ports: readonly number[],
  owner: string,
  nowMs: number,
): readonly RestingPort[] => [
  ...resting.filter((one) => one.untilMs > nowMs && !ports.includes(one.port)),
  ...ports.map((port) => ({ port, owner, untilMs: nowMs + PORT_REST_MS })),
];
