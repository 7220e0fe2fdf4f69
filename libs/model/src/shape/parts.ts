/** Shapes that several sections of a Compose file share. */
import { anyScalar, either, list, mapOf, numberOrText, oneOfTexts, text, flag } from './shape.js';
import { fileMode } from './formats.js';

/** Names of services, volumes, networks … */
export const NAME_PATTERN = '^[a-zA-Z0-9._-]+$';

export const texts = list(text);
export const textOrList = either(text, texts);
export const keyValues = mapOf({}, { others: anyScalar });
export const listOrMap = either(list(anyScalar), keyValues);
export const options = mapOf({}, { others: numberOrText });
export const command = either(text, list(numberOrText));
export const extraHosts = either(texts, mapOf({}, { others: textOrList }));
export const ulimits = mapOf(
  {},
  {
    others: either(
      numberOrText,
      mapOf({ soft: numberOrText, hard: numberOrText }, { required: ['soft', 'hard'] }),
    ),
    keyPattern: '^[a-z]+$',
  },
);
/** `external: true`, or the older form with a name. */
export const external = either(flag, mapOf({ name: text }));
export const mounts = list(
  either(text, mapOf({ source: text, target: text, uid: numberOrText, gid: numberOrText, mode: fileMode })),
);
export const hook = mapOf(
  { command, user: text, privileged: flag, working_dir: text, environment: listOrMap },
  { required: ['command'] },
);
export const deviceRequest = mapOf({
  capabilities: texts,
  count: numberOrText,
  device_ids: texts,
  driver: text,
  options: listOrMap,
});
export const gpus = either(oneOfTexts('all'), list(deviceRequest));
