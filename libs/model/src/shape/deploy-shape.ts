/** `deploy:` of a service. */
import { amount, bytes, count, duration, share } from './formats.js';
import { deviceRequest, listOrMap, texts } from './parts.js';
import { flag, list, mapOf, numberOrText, oneOfTexts, text } from './shape.js';

const updateConfig = mapOf({
  parallelism: count,
  delay: duration,
  failure_action: oneOfTexts('continue', 'rollback', 'pause'),
  monitor: duration,
  max_failure_ratio: share,
  order: oneOfTexts('start-first', 'stop-first'),
});

const genericResources = list(mapOf({ discrete_resource_spec: mapOf({ kind: text, value: numberOrText }) }));

export const deploy = mapOf(
  {
    mode: oneOfTexts('replicated', 'global', 'replicated-job', 'global-job'),
    endpoint_mode: oneOfTexts('vip', 'dnsrr'),
    replicas: count,
    labels: listOrMap,
    resources: mapOf({
      limits: mapOf({ cpus: amount, memory: bytes, pids: count }),
      reservations: mapOf({
        cpus: amount,
        memory: bytes,
        generic_resources: genericResources,
        devices: list(deviceRequest),
      }),
    }),
    restart_policy: mapOf({
      condition: oneOfTexts('none', 'on-failure', 'any'),
      delay: duration,
      max_attempts: count,
      window: duration,
    }),
    update_config: updateConfig,
    rollback_config: updateConfig,
    placement: mapOf({
      constraints: texts,
      preferences: list(mapOf({ spread: text })),
      max_replicas_per_node: count,
    }),
  },
  { about: 'How many instances there are, what they may use, how they are restarted and replaced.' },
);

export const healthcheck = mapOf({
  test: { kind: 'union', about: '', options: [text, texts] },
  interval: duration,
  timeout: duration,
  retries: count,
  start_period: duration,
  start_interval: duration,
  disable: flag,
});
