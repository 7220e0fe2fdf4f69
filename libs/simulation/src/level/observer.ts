/** What invariants, coverage and faults are told of while a level runs. Never changes anything. */
import type { common } from '@mitosis/contracts';
import type { SeenTxn } from '@mitosis/coordination';
import type { ActSeen } from '../host/sim-agent.js';
import type { Child, Host } from '../host/host.js';
import type { SimApp } from '../host/sim-app.js';
import type { RouterProcess } from '../processes/router.js';

export interface RequestSeen {
  readonly router: RouterProcess;
  readonly component: string;
  readonly instance: string;
  /** Who listens at the address now; undefined: nobody. */
  readonly served: SimApp | undefined;
}

export interface Observer {
  readonly onTxn?: (seen: SeenTxn) => void;
  readonly onAct?: (seen: ActSeen) => void;
  /** An act leaves its sender. */
  readonly onSend?: (act: common.ActHeader) => void;
  readonly onSpawn?: (host: Host, child: Child) => void;
  readonly onExit?: (host: Host, child: Child) => void;
  /** Ports were given to a component (`level/component`). */
  readonly onPorts?: (host: Host, owner: string, ports: readonly number[]) => void;
  readonly onRequest?: (seen: RequestSeen) => void;
  /** The store is another now: restored, or emptied. */
  readonly onStoreReplaced?: () => void;
}
