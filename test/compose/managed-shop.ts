/** The application that the level manages (shop/compose.yaml): put in force, and what the level and its engine say of it. */
import { join } from 'node:path';
import { REPOSITORY } from '../level/host.js';
import { startLoad, type Load } from '../level/load.js';
import { until } from '../level/until.js';
import type { ComposeLevel } from './compose-level.js';

const FOLDER = join(REPOSITORY, 'test/compose/shop');
const IMAGE = 'mitosis-test-shop';
/** The compose file's default. */
const PORT = 8_094;
const BOUND_MS = 90_000;
const MIB = 1024 * 1024;
/** No answer for this long: it hangs. Twenty containers start and end on the machine meanwhile, so slow is not that. */
const HANGS_MS = 60_000;

export interface InstanceOf {
  readonly id: string;
  readonly component: string;
  readonly phase: string;
}

interface StatusOf {
  readonly ready: boolean | null;
  readonly reason: string | null;
  readonly unknown: readonly string[];
}

interface GraphOf {
  readonly instances: readonly InstanceOf[];
  readonly bindings: readonly { readonly component: string; readonly active: string }[];
}

export class ManagedShop {
  readonly url = `http://127.0.0.1:${PORT}/`;

  constructor(private readonly level: ComposeLevel) {}

  /** Its image, on the level's engine. */
  build(): Promise<void> {
    return this.level.engine.build(FOLDER, IMAGE, { BASE_IMAGE: this.level.base });
  }

  /** Puts it in force; its image has to be there. */
  async apply(): Promise<void> {
    await this.level.must('apply', '-f', join(FOLDER, 'compose.yaml'));
  }

  /**
   * So many requests a second through its published entry. Routers in containers bind their addresses themselves: with a
   * Node that cannot share them (before 22.12) one follows the other within a second, and refuses until then.
   */
  load(perSecond: number): Load {
    return startLoad(this.url, perSecond, { waitsBeforeRetry: true, timeoutMs: HANGS_MS });
  }

  /** Who gave the quotes of so many pages, one after the other. */
  async quotes(count: number): Promise<readonly string[]> {
    const given: string[] = [];
    for (let n = 0; n < count; n += 1)
      given.push(await (await fetch(this.url, { signal: AbortSignal.timeout(HANGS_MS) })).text());
    return given;
  }

  private async graph(): Promise<GraphOf> {
    const { levels } = JSON.parse(await this.level.must('graph', 'shop', '--json')) as {
      readonly levels: readonly {
        readonly instanceGraph: GraphOf | null;
        readonly unknown: readonly string[];
      }[];
    };
    const [level] = levels;
    if (level?.instanceGraph) return level.instanceGraph;
    throw new Error(`the instance graph is not known: ${level?.unknown.join('; ') ?? 'no level'}`);
  }

  async instances(component: string): Promise<readonly InstanceOf[]> {
    return (await this.graph()).instances.filter((one) => one.component === component);
  }

  /** Which provider gives the quotes. */
  async provider(): Promise<string | undefined> {
    return (await this.graph()).bindings.find(({ component }) => component === 'quote')?.active;
  }

  /** The level says that everything is there and served. */
  async ready(): Promise<void> {
    await until(
      'the level says it is ready',
      async () => {
        const { levels } = JSON.parse(await this.level.must('status', 'shop', '--json')) as {
          readonly levels: readonly StatusOf[];
        };
        const [status] = levels;
        if (status?.ready === true) return true as const;
        throw new Error(`${status?.reason ?? ''} ${status?.unknown.join('; ') ?? ''}`);
      },
      BOUND_MS,
      500,
    );
  }

  /** Waits until so many instances of a component are ready and no other is, in the graph and on the engine. */
  async scaledTo(component: string, count: number): Promise<readonly InstanceOf[]> {
    return until(
      `${count} ready instances of ${component}`,
      async () => {
        const found = await this.instances(component);
        const running = await this.containers(component);
        const ready = found.filter(({ phase }) => phase === 'ready').length;
        if (ready === count && found.length === count && running.length === count) return found;
        const phases = found.map(({ id, phase }) => `${id} ${phase}`).join(', ') || 'none';
        throw new Error(`${phases}; ${running.length} containers`);
      },
      BOUND_MS,
      500,
    );
  }

  containers(component: string): Promise<readonly string[]> {
    return this.level.engine.containers(`label=mitosis.component=${component}`, 'status=running');
  }

  /** Waits until the one container of a component has these limits, and a decision says so. */
  async sizedTo(component: string, cpus: number, memoryMib: number): Promise<void> {
    const wanted = `${cpus * 1e9} ${memoryMib * MIB}`;
    const format = '{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}';
    await until(
      `${component} has ${cpus} cpus and ${memoryMib} MiB`,
      async () => {
        const running = await this.containers(component);
        const limits = await Promise.all(
          running.map((id) => this.level.engine.must('inspect', '--format', format, id)),
        );
        if (limits.length === 1 && limits[0] === wanted) return true as const;
        throw new Error(limits.join(', ') || 'no container');
      },
      BOUND_MS,
      500,
    );
    const explained = await this.level.must('explain', 'shop', component);
    const change = `2 cpus, 512 MiB → ${cpus} cpus, ${memoryMib} MiB`;
    if (!explained.includes(change)) throw new Error(`no decision says "${change}": ${explained}`);
  }

  /** The cheap provider becomes slow, or well again. */
  async turnCheap(): Promise<void> {
    for (const id of await this.containers('cheap'))
      await this.level.engine.must('kill', '--signal', 'USR2', id);
  }

  async boundTo(provider: string): Promise<void> {
    await until(
      `quotes come from ${provider}`,
      async () => {
        const now = await this.provider();
        if (now === provider) return true as const;
        throw new Error(`from ${now ?? 'nobody'}`);
      },
      BOUND_MS,
      500,
    );
  }

  /** One instance's container is killed; waits until another has taken its place. */
  async loseOne(component: string): Promise<void> {
    const before = await this.instances(component);
    const [container = ''] = await this.containers(component);
    await this.level.engine.must('kill', container);
    await until(
      `another ${component} in place of the killed one`,
      async () => {
        const now = await this.instances(component);
        const fresh = now.filter(({ id }) => before.every((one) => one.id !== id));
        const whole = now.length === before.length && now.every(({ phase }) => phase === 'ready');
        return (whole && fresh.length === 1) || undefined;
      },
      BOUND_MS,
      500,
    );
  }
}
