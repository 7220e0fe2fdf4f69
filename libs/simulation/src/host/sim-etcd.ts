/** The etcd member as a process that its agent starts: while it is up, the store answers. */
import { SimChild, type ChildOptions } from './sim-child.js';

const ETCD_BOOT_MS = 300;

export class SimEtcd extends SimChild {
  private ready = false;

  constructor(
    options: ChildOptions,
    private readonly setUp: (up: boolean) => void,
  ) {
    super(options);
    this.clock.setTimer(ETCD_BOOT_MS, () => {
      this.ready = true;
      setUp(true);
    });
  }

  override isHealthy(): boolean {
    return super.isHealthy() && this.ready;
  }

  protected override onEnd(): void {
    this.setUp(false);
  }
}
