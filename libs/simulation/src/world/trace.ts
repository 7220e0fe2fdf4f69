/**
 * What happened, as one number: two runs of a seed must end with the same one. Also keeps the last lines for people who
 * look at a failed run; all of them when asked to.
 */
import type { VirtualClock } from '@mitosis/coordination';

const KEPT = 400;

export class Trace {
  private low = 0x81_1c_9d_c5;
  private high = 0x01_00_01_93;
  private readonly lines: string[] = [];
  events = 0;

  constructor(
    private readonly clock: VirtualClock,
    private readonly keepAll: boolean,
  ) {}

  add(line: string): void {
    this.events += 1;
    const text = `${this.clock.monotonicMs().toFixed(2)} ${line}`;
    let { low, high } = this;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      low = Math.imul(low ^ code, 16_777_619);
      high = Math.imul(high + code, 0x85_eb_ca_6b) ^ (high >>> 13);
    }
    this.low = low;
    this.high = high;
    this.lines.push(text);
    if (!this.keepAll && this.lines.length > 2 * KEPT) this.lines.splice(0, KEPT);
  }

  get hash(): string {
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return hex(this.high) + hex(this.low);
  }

  tail(count: number): readonly string[] {
    return this.lines.slice(-count);
  }
}
