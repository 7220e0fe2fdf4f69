/** What a container is made from, besides what every run has. */
export interface RunContainer {
  readonly image: string;
  /** What Compose says about it, normalised (`RunSpec.container`). */
  readonly definition: Readonly<Record<string, unknown>>;
  /** Ports inside and the ports of the host that lead to them. */
  readonly ports: readonly { readonly inside: number; readonly outside: number }[];
  /** Address of the host that those are bound at. */
  readonly host: string;
  /** Names inside → address. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Own names on the level's network. */
  readonly aliases: readonly string[];
  /** 0: unlimited; so are the others. */
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly memoryReservationBytes: number;
  readonly pids: number;
  readonly labels: Readonly<Record<string, string>>;
  /** For the engine's own stop, which nobody here asks for. */
  readonly stopSignal: string;
  readonly stopGraceMs: number;
  /** Health is judged by a probe of the composition: the image's own check is turned off. */
  readonly probed: boolean;
  readonly logMaxBytes: number;
}
