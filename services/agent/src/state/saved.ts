/**
 * One durable value. Changes are applied at once and written one after the other; several waiting changes become one
 * write. `save` resolves when the disk holds the change or a later one.
 */
import { removeDurable, writeDurable } from '@mitosis/actuators';

export class Saved<T> {
  private writing: Promise<void> = Promise.resolve();
  private version = 0;
  private written = 0;
  private failed = false;

  constructor(
    private readonly path: string,
    private current: T,
  ) {}

  get value(): T {
    return this.current;
  }

  update(change: Partial<T>): Promise<void> {
    this.current = { ...this.current, ...change };
    return this.save();
  }

  save(): Promise<void> {
    this.version += 1;
    const wanted = this.version;
    this.writing = this.writeAfter(this.writing, wanted);
    return this.writing;
  }

  private async writeAfter(before: Promise<void>, wanted: number): Promise<void> {
    await before.catch(() => undefined);
    if (this.written >= wanted) return;
    const upTo = this.version;
    this.failed = true;
    await writeDurable(this.path, this.current);
    this.failed = false;
    this.written = upTo;
  }

  /** Resolves when everything changed so far is on disk; tries again what failed. */
  async flushed(): Promise<void> {
    await this.writing.catch(() => undefined);
    if (this.failed) await this.save();
  }

  /** Removes it after what is being written. */
  async remove(): Promise<void> {
    await this.writing.catch(() => undefined);
    await removeDurable(this.path);
  }
}
