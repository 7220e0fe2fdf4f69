/**
 * A router process: the real reconciler, table, acknowledgements, balancing and counters; its sockets and its disk are the
 * simulation's. Requests are put through the same live table that real ones go through.
 */
import type { FunctionName } from '@mitosis/contracts';
import {
  DataPath,
  ROUTER_DEFAULTS,
  RouterReconciler,
  routeKey,
  type LiveRoute,
  type RouterParts,
  type TableInputs,
} from '@mitosis/router/shell';
import { pause } from '@mitosis/coordination';
import type { FunctionShell } from '@mitosis/service-kit';
import type { StreamSource } from '../world/sim-peers.js';
import { ManagementProcess, type Role } from './management-process.js';

/** The last good table, on the simulated disk. */
export interface TableFile {
  read(): TableInputs | undefined;
  write(inputs: TableInputs): void;
}

export interface RouterRole extends Role {
  /** The data path once the shell has started. */
  readonly path: () => DataPath | undefined;
  readonly shell: RouterReconciler;
}

export const routerRole = (file: TableFile): RouterRole => {
  let path: DataPath | undefined;
  const parts: RouterParts = {
    openPath: (options) => (path = new DataPath(options)),
    openMemory: () => ({
      load: () => Promise.resolve(file.read()),
      save: (inputs) => file.write(inputs),
      flush: () => Promise.resolve(),
    }),
  };
  // No socket is handed down: none is opened.
  const settings = { config: ROUTER_DEFAULTS, held: [], workingDirectory: '', outside: '' };
  const shell = new RouterReconciler(settings, parts);
  const shells = new Map<FunctionName, FunctionShell>([['router', shell]]);
  const streams = new Map<string, StreamSource>([
    [
      'router.streamMetrics',
      (_, send) => {
        const subscription = shell.streamMetrics().subscribe({ next: send, error: () => undefined });
        return () => subscription.unsubscribe();
      },
    ],
  ]);
  const unary = new Map<string, (request: unknown) => unknown>([
    ['router.entryEndpoints', () => shell.entryEndpoints()],
  ]);
  return { shells, shell, unary, streams, path: () => path };
};

const DRAIN_MAX_MS = 25_000;
const LOOK_MS = 50;

export class RouterProcess extends ManagementProcess {
  accepts = true;

  get routerRole(): RouterRole {
    return this.role as RouterRole;
  }

  route(component: string, port: string): LiveRoute | undefined {
    const path = this.routerRole.path();
    if (path === undefined) return undefined;
    const key = routeKey(component, port);
    for (const route of path.routes)
      if (routeKey(route.route.component, route.route.port) === key) return route;
    return undefined;
  }

  /** Instances the table in force sends requests of a component to. */
  targets(component: string): readonly string[] {
    const routes = Object.values(this.routerRole.path()?.current?.routes ?? {});
    return routes
      .filter((route) => route.component === component)
      .flatMap(({ choices }) => choices.flatMap(({ targets }) => targets))
      .filter(({ draining }) => !draining)
      .map(({ instance }) => instance);
  }

  /** True when the table in force has an endpoint of the component at that address. */
  leadsTo(component: string, host: string, port: number): boolean {
    const routes = Object.values(this.routerRole.path()?.current?.routes ?? {});
    return routes.some(
      (route) =>
        route.component === component &&
        route.choices.some(({ targets }) =>
          targets.some((one) => one.host === host && one.port === port && !one.draining),
        ),
    );
  }

  /** Lets requests in flight finish: acknowledgements and metrics go on meanwhile. */
  protected override async drain(): Promise<void> {
    this.accepts = false;
    const isBusy = (): boolean => (this.routerRole.path()?.inFlight ?? 0) > 0;
    for (let waitedMs = 0; waitedMs < DRAIN_MAX_MS && isBusy(); waitedMs += LOOK_MS) {
      await pause(this.clock, LOOK_MS);
    }
  }
}
