/** One entry of `services:`, every field of the Compose Specification and `x-mitosis`. */
import { deploy, healthcheck } from './deploy-shape.js';
import {
  amount,
  bytes,
  bytesOrUnlimited,
  count,
  duration,
  fileMode,
  portNumber,
  wholeNumber,
} from './formats.js';
import { componentExtension } from './mitosis-shape.js';
import {
  command,
  extraHosts,
  gpus,
  hook,
  keyValues,
  listOrMap,
  mounts,
  NAME_PATTERN,
  options,
  textOrList,
  texts,
  ulimits,
} from './parts.js';
import { either, flag, formatted, list, mapOf, numberOrText, oneOfTexts, text, withAbout } from './shape.js';

const port = either(
  formatted('a port such as 8080, "8080:80" or "127.0.0.1:8080:80/tcp"', '^[^ ]+$'),
  mapOf(
    {
      target: portNumber,
      published: formatted('a port or a range such as 8080-8090', '^\\d+(-\\d+)?$'),
      host_ip: text,
      protocol: text,
      app_protocol: text,
      mode: oneOfTexts('host', 'ingress'),
      name: text,
    },
    { required: ['target'] },
  ),
);

const volume = either(
  text,
  mapOf(
    {
      type: oneOfTexts('volume', 'bind', 'tmpfs', 'npipe', 'cluster', 'image'),
      source: text,
      target: text,
      read_only: flag,
      consistency: text,
      bind: mapOf({ propagation: text, create_host_path: flag, recursive: text, selinux: text }),
      volume: mapOf({ labels: listOrMap, nocopy: flag, subpath: text }),
      tmpfs: mapOf({ size: bytes, mode: fileMode }),
      image: mapOf({ subpath: text }),
    },
    { required: ['type'] },
  ),
);

/** Switches that take further words as well as true and false. */
const switchOrText = { kind: 'scalar', types: ['string', 'boolean'], format: null, about: '' } as const;

const build = either(
  text,
  mapOf({
    context: text,
    dockerfile: text,
    dockerfile_inline: text,
    entitlements: texts,
    args: listOrMap,
    ssh: either(texts, keyValues),
    labels: listOrMap,
    cache_from: texts,
    cache_to: texts,
    no_cache: flag,
    no_cache_filter: textOrList,
    additional_contexts: listOrMap,
    network: text,
    provenance: switchOrText,
    sbom: switchOrText,
    pull: flag,
    target: text,
    shm_size: bytes,
    extra_hosts: extraHosts,
    isolation: text,
    privileged: flag,
    secrets: mounts,
    tags: texts,
    ulimits,
    platforms: texts,
  }),
);

const dependsOn = either(
  texts,
  mapOf(
    {},
    {
      keyPattern: NAME_PATTERN,
      others: mapOf({
        condition: oneOfTexts('service_started', 'service_healthy', 'service_completed_successfully'),
        restart: flag,
        required: flag,
      }),
    },
  ),
);

const serviceNetworks = either(
  texts,
  mapOf(
    {},
    {
      keyPattern: NAME_PATTERN,
      others: mapOf({
        aliases: texts,
        interface_name: text,
        ipv4_address: text,
        ipv6_address: text,
        link_local_ips: texts,
        mac_address: text,
        driver_opts: options,
        priority: wholeNumber,
        gw_priority: wholeNumber,
      }),
    },
  ),
);

const envFile = either(
  text,
  list(
    either(text, mapOf({ path: text, required: flag, format: oneOfTexts('raw') }, { required: ['path'] })),
  ),
);

const blkioRate = list(mapOf({ path: text, rate: bytes }));
const blkio = mapOf({
  weight: wholeNumber,
  weight_device: list(mapOf({ path: text, weight: wholeNumber })),
  device_read_bps: blkioRate,
  device_read_iops: blkioRate,
  device_write_bps: blkioRate,
  device_write_iops: blkioRate,
});

const develop = mapOf({
  watch: list(
    mapOf(
      {
        action: oneOfTexts('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
        path: text,
        target: text,
        ignore: textOrList,
        include: textOrList,
        initial_sync: flag,
        exec: hook,
      },
      { required: ['path', 'action'] },
    ),
  ),
});

const providerOption = either(
  { kind: 'scalar', types: ['string', 'number', 'boolean'], format: null, about: '' },
  list({ kind: 'scalar', types: ['string', 'number', 'boolean'], format: null, about: '' }),
);

export const service = mapOf(
  {
    'x-mitosis': componentExtension,
    annotations: listOrMap,
    attach: flag,
    blkio_config: blkio,
    build: withAbout(build, 'How the image is made. With it the component runs in containers.'),
    cap_add: texts,
    cap_drop: texts,
    cgroup: oneOfTexts('host', 'private'),
    cgroup_parent: text,
    command: withAbout(command, 'What runs. Without image and build: a process of the site.'),
    configs: mounts,
    container_name: text,
    cpu_count: numberOrText,
    cpu_percent: numberOrText,
    cpu_period: numberOrText,
    cpu_quota: numberOrText,
    cpu_rt_period: numberOrText,
    cpu_rt_runtime: numberOrText,
    cpu_shares: numberOrText,
    cpus: amount,
    cpuset: text,
    credential_spec: mapOf({ config: text, file: text, registry: text }),
    depends_on: withAbout(dependsOn, 'Components this one calls or waits for.'),
    deploy,
    develop,
    device_cgroup_rules: texts,
    devices: list(
      either(text, mapOf({ source: text, target: text, permissions: text }, { required: ['source'] })),
    ),
    dns: textOrList,
    dns_opt: texts,
    dns_search: textOrList,
    domainname: text,
    entrypoint: command,
    env_file: envFile,
    environment: listOrMap,
    expose: list(formatted('a port such as 8080, "8080/tcp" or "8080-8090"', '^\\d+(-\\d+)?(/[a-z]+)?$')),
    extends: either(text, mapOf({ service: text, file: text }, { required: ['service'] })),
    external_links: texts,
    extra_hosts: extraHosts,
    gpus,
    group_add: list(numberOrText),
    healthcheck: withAbout(healthcheck, 'When an instance counts as healthy.'),
    hostname: text,
    image: text,
    init: flag,
    ipc: text,
    isolation: text,
    label_file: textOrList,
    labels: listOrMap,
    links: texts,
    logging: mapOf({ driver: text, options: keyValues }),
    mac_address: text,
    mem_limit: bytes,
    mem_reservation: bytes,
    mem_swappiness: wholeNumber,
    memswap_limit: bytesOrUnlimited,
    models: either(
      texts,
      mapOf({}, { keyPattern: NAME_PATTERN, others: mapOf({ endpoint_var: text, model_var: text }) }),
    ),
    network_mode: text,
    networks: serviceNetworks,
    oom_kill_disable: flag,
    oom_score_adj: wholeNumber,
    pid: text,
    pids_limit: wholeNumber,
    platform: text,
    ports: withAbout(list(port), 'Ports the router binds for clients.'),
    post_start: list(hook),
    pre_stop: list(hook),
    privileged: flag,
    profiles: texts,
    provider: mapOf({ type: text, options: mapOf({}, { others: providerOption }) }, { required: ['type'] }),
    pull_policy: formatted(
      'always, never, build, if_not_present, missing, daily, weekly or every_<duration>',
      '^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$',
    ),
    pull_refresh_after: text,
    read_only: flag,
    restart: formatted(
      '"no", always, unless-stopped, on-failure or on-failure:<times>',
      '^(no|always|unless-stopped|on-failure(:\\d+)?)$',
    ),
    runtime: text,
    scale: count,
    secrets: mounts,
    security_opt: texts,
    shm_size: bytes,
    stdin_open: flag,
    stop_grace_period: duration,
    stop_signal: text,
    storage_opt: keyValues,
    sysctls: listOrMap,
    tmpfs: textOrList,
    tty: flag,
    ulimits,
    use_api_socket: flag,
    user: text,
    userns_mode: text,
    uts: text,
    volumes: list(volume),
    volumes_from: texts,
    working_dir: text,
  },
  { about: 'A component: one node of the type graph.' },
);
