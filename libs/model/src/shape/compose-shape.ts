/** A whole composition file. */
import { levelExtension } from './mitosis-shape.js';
import { external, keyValues, listOrMap, NAME_PATTERN, options, textOrList, texts } from './parts.js';
import { service } from './service-shape.js';
import { either, flag, list, mapOf, numberOrText, text, type Shape } from './shape.js';

const named = (others: Shape, about: string) => mapOf({}, { others, keyPattern: NAME_PATTERN, about });

const network = mapOf({
  name: text,
  driver: text,
  driver_opts: options,
  attachable: flag,
  enable_ipv4: flag,
  enable_ipv6: flag,
  external,
  internal: flag,
  ipam: mapOf({
    driver: text,
    options: keyValues,
    config: list(mapOf({ subnet: text, ip_range: text, gateway: text, aux_addresses: keyValues })),
  }),
  labels: listOrMap,
});

const volume = mapOf({ name: text, driver: text, driver_opts: options, external, labels: listOrMap });

const fileObject = {
  name: text,
  file: text,
  environment: text,
  external,
  labels: listOrMap,
  template_driver: text,
};
const secret = mapOf({ ...fileObject, driver: text, driver_opts: options });
const config = mapOf({ ...fileObject, content: text });

const model = mapOf(
  { name: text, model: text, context_size: numberOrText, runtime_flags: texts },
  { required: ['model'] },
);

export const include = list(
  either(text, mapOf({ path: textOrList, env_file: textOrList, project_directory: text })),
);

export const composition = mapOf(
  {
    'x-mitosis': levelExtension,
    name: text,
    version: { kind: 'scalar', types: ['string', 'number'], format: null, about: 'Obsolete; ignored.' },
    include,
    services: named(service, 'The components.'),
    networks: named(network, 'Networks of containers.'),
    volumes: named(volume, 'Named volumes of containers.'),
    secrets: named(secret, 'Secrets handed to containers as files.'),
    configs: named(config, 'Configuration handed to containers as files.'),
    models: named(model, 'Models components use.'),
  },
  { about: 'A composition: a Compose file, with x-mitosis for what is to be held.' },
);
