/** The router's figures for Prometheus, fed once a second from the same intervals as everything else: nothing per request. */
import { LatencyHistogram, type router } from '@mitosis/contracts';
import { Counter, Gauge, type Registry } from 'prom-client';

const LABELS = ['component', 'port'] as const;
const QUANTILES = [0.5, 0.95, 0.99] as const;
const MS_PER_S = 1_000;

/** Components come and go with the spec: series of those that are gone are removed. */
export const exportMetrics = (registry: Registry): ((metrics: router.RouterMetrics) => void) => {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: readonly string[] = LABELS) =>
    new Counter({ name: `mitosis_router_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: readonly string[] = LABELS) =>
    new Gauge({ name: `mitosis_router_${name}`, help, labelNames, registers });

  const requests = counter('requests_total', 'Requests as the client saw them (TCP: connections).');
  const errors = counter('errors_total', 'Requests that failed: 5xx, resets, time-outs, no endpoint.');
  const rejected = counter('rejected_total', 'Requests answered by the router for want of an endpoint.');
  const retries = counter('retries_total', 'Attempts beyond the first of a request.');
  const seconds = counter('request_seconds_total', 'Time spent on requests, in seconds.');
  const inFlight = gauge('in_flight', 'Requests in flight now.');
  const queued = gauge('queued', 'Requests held for an endpoint or a retry now.');
  const latency = gauge('latency_seconds', 'Latency quantile of the last second with requests.', [
    ...LABELS,
    'quantile',
  ]);
  const all = [requests, errors, rejected, retries, seconds, inFlight, queued];
  let known = new Map<string, { readonly component: string; readonly port: string }>();

  return ({ routes }) => {
    const seen = new Map<string, { readonly component: string; readonly port: string }>();
    for (const route of routes) {
      const labels = { component: route.component, port: route.port };
      seen.set(`${route.component}/${route.port}`, labels);
      requests.inc(labels, route.requests);
      errors.inc(labels, route.errors);
      rejected.inc(labels, route.rejected);
      retries.inc(
        labels,
        route.targets.reduce((sum, target) => sum + target.retries, 0),
      );
      const histogram = LatencyHistogram.from(route.latency);
      seconds.inc(labels, histogram.sumMs / MS_PER_S);
      inFlight.set(labels, route.inFlight);
      queued.set(labels, route.queued);
      if (histogram.count > 0)
        for (const quantile of QUANTILES)
          latency.set({ ...labels, quantile }, histogram.quantile(quantile) / MS_PER_S);
    }
    for (const [key, labels] of known) {
      if (seen.has(key)) continue;
      for (const metric of all) metric.remove(labels);
      for (const quantile of QUANTILES) latency.remove({ ...labels, quantile });
    }
    known = seen;
  };
};
