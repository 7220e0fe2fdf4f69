/**
 * The one list of services. Deploy files, scrape targets, discovery and end-to-end tests are checked against it;
 * adding a function starts with adding its entry here.
 */
export interface ServiceEntry {
  /** True: one leader is elected per level under this name. */
  readonly elected: boolean;
  /** Runs inside `mitosisd` by default; the router has processes of its own because it is the data path. */
  readonly inManager: boolean;
  readonly summary: string;
}

export const SERVICES = {
  monitor: {
    elected: true,
    inManager: true,
    summary: 'rates, errors, latencies and resources of every component',
  },
  health: { elected: true, inManager: true, summary: 'makes the instance graph match its targets' },
  autoscaler: { elected: true, inManager: true, summary: 'how many instances of each component' },
  composer: { elected: true, inManager: true, summary: 'the type graph in force, bindings and child levels' },
  placer: { elected: true, inManager: true, summary: 'on which site each instance runs' },
  router: { elected: true, inManager: false, summary: 'carries requests to instances and alternatives' },
} as const satisfies Record<string, ServiceEntry>;

export type FunctionName = keyof typeof SERVICES;
export const FUNCTION_NAMES = Object.keys(SERVICES) as readonly FunctionName[];
export const isFunctionName = (value: string): value is FunctionName => Object.hasOwn(SERVICES, value);

/** Components of class `management`; users cannot name theirs like these. */
export const MANAGEMENT_COMPONENTS = {
  etcd: 'mitosis-etcd',
  manager: 'mitosis-manager',
  router: 'mitosis-router',
} as const;
