/** `volumes` in the short form: `[source:]target[:mode]`. */
export interface ShortVolume {
  readonly type: 'volume' | 'bind';
  /** '' for an anonymous volume. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly nocopy: boolean;
  readonly selinux: string;
  readonly propagation: string;
}

const PROPAGATIONS = new Set(['shared', 'rshared', 'slave', 'rslave', 'private', 'rprivate']);
const MODES = new Set(['ro', 'rw', 'z', 'Z', 'nocopy', 'cached', 'delegated', 'consistent', ...PROPAGATIONS]);

export const parseVolume = (text: string): ShortVolume | { readonly wrong: string } => {
  const parts = splitParts(text);
  if (parts.some((part) => part === '')) return { wrong: 'a part between the colons is empty' };
  if (parts.length > 3) return { wrong: 'there are more than three parts' };
  const [first = '', second, third = ''] = parts;
  const modes = third.split(',').filter((mode) => mode !== '');
  const unknown = modes.find((mode) => !MODES.has(mode));
  if (unknown !== undefined) return { wrong: `"${unknown}" is no mode` };
  const source = second === undefined ? '' : first;
  return {
    type: isPath(source) ? 'bind' : 'volume',
    source,
    target: second ?? first,
    readOnly: modes.includes('ro'),
    nocopy: modes.includes('nocopy'),
    selinux: modes.find((mode) => mode.toLowerCase() === 'z') ?? '',
    propagation: modes.find((mode) => PROPAGATIONS.has(mode)) ?? '',
  };
};

/** Named volumes are names; everything that looks like a path is one. */
export const isPath = (source: string): boolean => /^([./~\\]|[A-Za-z]:\\)/.test(source);

/** At colons, but not at the one of a Windows drive (`C:\\`; `c:/data` is a volume called c). */
const splitParts = (text: string): readonly string[] => {
  const drive = /^[A-Za-z]:\\/.test(text) ? text.slice(0, 2) : '';
  const parts = text.slice(drive.length).split(':');
  return [drive + (parts[0] ?? ''), ...parts.slice(1)];
};
