/**
 * The stopped ids of one level: one line each, appended and synced before the stop is carried out. A torn last line is
 * an act that was never answered; a damaged line elsewhere is skipped.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import type { Epoch } from '@mitosis/contracts';
import { keptTombstones, TOMBSTONES_KEPT, type Tombstone } from '../decide/tombstones.js';

const sum = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

const encode = ({ id, epoch }: Tombstone): string => {
  const body = `${id} ${epoch.incarnation} ${epoch.revision}`;
  return `${sum(body)} ${body}\n`;
};

const decode = (line: string): Tombstone | undefined => {
  const space = line.indexOf(' ');
  const body = line.slice(space + 1);
  if (space < 0 || sum(body) !== line.slice(0, space)) return undefined;
  const [id = '', incarnation, revision] = body.split(' ');
  return { id, epoch: { incarnation: Number(incarnation), revision: Number(revision) } };
};

export class TombstoneLog {
  private readonly stones = new Map<string, Tombstone>();
  private writing: Promise<void> = Promise.resolve();

  private constructor(private readonly path: string) {}

  static async open(path: string): Promise<TombstoneLog> {
    const log = new TombstoneLog(path);
    for (const file of [`${path}.copy`, path]) {
      const lines = (await readOrEmpty(file)).split('\n');
      for (const stone of lines.map(decode)) if (stone !== undefined) log.stones.set(stone.id, stone);
    }
    return log;
  }

  has(id: string): boolean {
    return this.stones.has(id);
  }

  ids(): readonly string[] {
    return [...this.stones.keys()];
  }

  /** On disk when it resolves. */
  async add(id: string, epoch: Epoch): Promise<void> {
    if (this.stones.has(id)) return this.writing;
    const stone = { id, epoch };
    this.stones.set(id, stone);
    return this.queue(() => this.append(stone, epoch));
  }

  private queue(work: () => Promise<void>): Promise<void> {
    this.writing = this.writing.catch(() => undefined).then(work);
    return this.writing;
  }

  private async append(stone: Tombstone, highest: Epoch): Promise<void> {
    if (this.stones.size > TOMBSTONES_KEPT * 1.1) return this.compact(highest);
    await Promise.all(
      [this.path, `${this.path}.copy`].map(async (path) => {
        const file = await open(path, 'a', 0o600);
        try {
          // A line of its own also after a torn one.
          await file.appendFile(`\n${encode(stone)}`);
          await file.datasync();
        } finally {
          await file.close();
        }
      }),
    );
  }

  private async compact(highest: Epoch): Promise<void> {
    const kept = keptTombstones([...this.stones.values()], highest);
    this.stones.clear();
    for (const stone of kept) this.stones.set(stone.id, stone);
    for (const path of [this.path, `${this.path}.copy`]) {
      const file = await open(`${path}.part`, 'w', 0o600);
      try {
        await file.writeFile(kept.map(encode).join(''));
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(`${path}.part`, path);
    }
  }
}

const readOrEmpty = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
};
