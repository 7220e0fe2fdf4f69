/** From the monitor's message to what policies read: a window that is not known becomes null, and nothing of it is read. */
import type { monitor } from '@mitosis/contracts';
import type { ComponentMetrics } from '../decide/level-input.js';
import type { RequestWindow } from '../decide/observation.js';

const windowOf = (window: monitor.Window | undefined): RequestWindow | null =>
  window?.known === true
    ? {
        seconds: window.seconds,
        rate: window.rate,
        errorRatio: window.errorRatio,
        p50Ms: window.p50Ms,
        p95Ms: window.p95Ms,
        p99Ms: window.p99Ms,
        meanMs: window.meanMs,
      }
    : null;

const metricsOf = (component: monitor.ComponentSnapshot): ComponentMetrics => ({
  requests: {
    last1: windowOf(component.last1),
    last10: windowOf(component.last10),
    last60: windowOf(component.last60),
    // A router counts a request as in flight from its arrival on, also while it is held for want of an endpoint.
    inFlight: Math.max(0, component.inFlight - component.queued),
    queued: component.queued,
    rejectedRate: component.rejectedRate,
  },
  usage: component.resourcesKnown
    ? {
        cpuCores: component.cpuCores,
        memoryBytes: component.memoryBytes,
        instancesSeen: component.instancesSeen,
      }
    : null,
});

export const metricsOfSnapshot = (snapshot: monitor.LevelSnapshot): ReadonlyMap<string, ComponentMetrics> =>
  new Map(snapshot.components.map((component) => [component.component, metricsOf(component)]));
