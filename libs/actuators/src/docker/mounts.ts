/**
 * Volumes, secrets and configs of a Compose service → mounts of a container. Pure. A named volume lives on its engine's
 * host and outlives instances: a replacement there gets it, one elsewhere would not (the placer keeps such a component in
 * place). A bind mount is a path of the host. An anonymous volume belongs to its container and goes with it.
 */
import { MitosisError } from '@mitosis/contracts';
import { volumeName } from './marks.js';

type Fields = Readonly<Record<string, unknown>>;

export interface Mount {
  readonly Type: 'bind' | 'volume' | 'tmpfs';
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly BindOptions?: { readonly Propagation?: string };
  readonly VolumeOptions?: { readonly NoCopy?: boolean };
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number };
}

/** A volume that has to be there before the container. */
export interface NamedVolume {
  readonly name: string;
  readonly external: boolean;
  readonly driver: string;
  readonly driverOpts: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fields) : []);
export const texts = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(fields(value)).map(([key, one]) => [key, text(one)]));

const definition = (whole: Fields, section: string, name: string): Fields =>
  fields(fields(fields(whole['definitions'])[section])[name]);

/** Throws MitosisError `invalid_input` for a kind of mount that cannot be made. */
export const mountsOf = (level: string, whole: Fields): readonly Mount[] => [
  ...list(whole['volumes']).map((volume) => mountOf(level, whole, volume)),
  ...(['secrets', 'configs'] as const).flatMap((kind) =>
    list(whole[kind]).map((item) => fileMount(whole, kind, item)),
  ),
];

const mountOf = (level: string, whole: Fields, volume: Fields): Mount => {
  const target = text(volume['target']);
  const readOnly = volume['read_only'] === true ? { ReadOnly: true } : {};
  const source = text(volume['source']);
  switch (text(volume['type'])) {
    case 'bind': {
      const propagation = text(fields(volume['bind'])['propagation']);
      const options = propagation === '' ? {} : { BindOptions: { Propagation: propagation } };
      return { Type: 'bind', Source: source, Target: target, ...readOnly, ...options };
    }
    case 'tmpfs': {
      const { size, mode } = fields(volume['tmpfs']);
      const options = {
        ...(size === undefined ? {} : { SizeBytes: Number(size) }),
        ...(mode === undefined ? {} : { Mode: Number(mode) }),
      };
      return { Type: 'tmpfs', Target: target, ...readOnly, TmpfsOptions: options };
    }
    case 'volume': {
      const noCopy = fields(volume['volume'])['nocopy'] === true ? { VolumeOptions: { NoCopy: true } } : {};
      const name = source === '' ? {} : { Source: namedVolume(level, whole, source).name };
      return { Type: 'volume', ...name, Target: target, ...readOnly, ...noCopy };
    }
    default:
      throw new MitosisError(
        'invalid_input',
        `a mount of type "${text(volume['type'])}" at ${target} cannot be made; use volume, bind or tmpfs`,
      );
  }
};

/** Secrets and configs that are files of the host; they are read-only. */
const fileMount = (whole: Fields, kind: 'secrets' | 'configs', item: Fields): Mount => {
  const source = text(item['source']);
  const file = text(definition(whole, kind, source)['file']);
  if (file === '')
    throw new MitosisError(
      'invalid_input',
      `${kind}.${source} is no file; a container gets only those with file: …`,
    );
  const said = text(item['target']) || source;
  const target = said.startsWith('/') ? said : kind === 'secrets' ? `/run/secrets/${said}` : `/${said}`;
  return { Type: 'bind', Source: file, Target: target, ReadOnly: true };
};

export const namedVolume = (level: string, whole: Fields, name: string): NamedVolume => {
  const found = definition(whole, 'volumes', name);
  const external = found['external'] === true;
  return {
    name: text(found['name']) || (external ? name : volumeName(level, name)),
    external,
    driver: text(found['driver']) || 'local',
    driverOpts: texts(found['driver_opts']),
    labels: texts(found['labels']),
  };
};

export const namedVolumesOf = (level: string, whole: Fields): readonly NamedVolume[] => {
  const names = list(whole['volumes'])
    .filter((volume) => text(volume['type']) === 'volume' && text(volume['source']) !== '')
    .map((volume) => text(volume['source']));
  return [...new Set(names)].map((name) => namedVolume(level, whole, name));
};

/** Networks that exist without Mitosis and that the container joins besides the level's own. */
export const externalNetworksOf = (whole: Fields): readonly string[] =>
  Object.keys(fields(whole['networks'])).flatMap((name) => {
    const found = definition(whole, 'networks', name);
    return found['external'] === true ? [text(found['name']) || name] : [];
  });
