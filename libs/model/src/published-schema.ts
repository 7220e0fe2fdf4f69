/** The JSON Schema that editors use: `docs/schema/mitosis-compose.schema.json`, made of the shapes the loader validates with. */
import { composition } from './shape/compose-shape.js';
import { deploy, healthcheck } from './shape/deploy-shape.js';
import { type JsonSchema, toJsonSchema } from './shape/json-schema.js';
import { componentExtension, levelExtension, objective } from './shape/mitosis-shape.js';
import { command, listOrMap, textOrList, ulimits } from './shape/parts.js';
import { service } from './shape/service-shape.js';

export const publishedSchema = (): JsonSchema =>
  toJsonSchema(
    composition,
    {
      component: service,
      deploy,
      healthcheck,
      objective,
      'x-mitosis-component': componentExtension,
      'x-mitosis-level': levelExtension,
      command,
      'list-or-map': listOrMap,
      'text-or-list': textOrList,
      ulimits,
    },
    {
      $schema: 'http://json-schema.org/draft-07/schema#',
      $id: 'mitosis-compose.schema.json',
      title: 'Mitosis composition: a Compose file with x-mitosis',
    },
  );
