/**
 * The networks of a level on one engine. One that its containers share, and for each component that the routers serve a
 * small one that no container ever joins: its gateway is an address of the host, given by the engine, at which the host's
 * routers listen on the component's own ports and which containers know by the component's name. So nothing needs more
 * rights than the engine's socket gives. Must never remove what does not carry this host's label.
 */
import { networkInterfaces } from 'node:os';
import { MitosisError } from '@mitosis/contracts';
import { EngineError, type EngineClient } from './engine-client.js';
import type { NetworkInspect } from './engine-types.js';
import { componentNetworkName, HOME, LEVEL, levelNetworkName } from './marks.js';
import { addressRange, overlapsAny, subnetsOf, type AddressRange } from './subnets.js';

const ATTEMPTS_MAX = 64;
const FIND_ATTEMPTS_MAX = 5;

export interface NetworksOptions {
  readonly client: EngineClient;
  readonly home: string;
  /** Where the small networks are taken from, e.g. 10.213.0.0/16. */
  readonly pool: string;
}

export class Networks {
  private readonly making = new Map<string, Promise<NetworkInspect>>();

  constructor(private readonly options: NetworksOptions) {}

  /** Name of the network that the level's containers share. */
  async ofLevel(level: string): Promise<string> {
    const name = levelNetworkName(this.options.home, level);
    await this.once(name, () => this.ensure(name, { [LEVEL]: level }, () => [undefined]));
    return name;
  }

  /** The address of this host at which the level's containers are to find the component. */
  async componentAddress(level: string, component: string): Promise<string> {
    const name = componentNetworkName(this.options.home, level, component);
    const labels = { [LEVEL]: level, 'mitosis.component': component };
    const network = await this.once(name, () =>
      this.ensure(name, labels, () => subnetsOf(this.options.pool, name)),
    );
    const gateway = network.IPAM.Config?.[0]?.Gateway?.split('/')[0];
    if (gateway === undefined || gateway === '')
      throw new MitosisError('internal', `the network ${name} has no gateway`);
    return gateway;
  }

  private once(name: string, make: () => Promise<NetworkInspect>): Promise<NetworkInspect> {
    const making = this.making.get(name) ?? make().finally(() => this.making.delete(name));
    this.making.set(name, making);
    return making;
  }

  private async ensure(
    name: string,
    labels: Readonly<Record<string, string>>,
    subnets: () => Iterable<AddressRange | undefined>,
  ): Promise<NetworkInspect> {
    const found = await this.find(name);
    if (found !== undefined) return found;
    let attempts = 0;
    let refusal = 'no subnet is left';
    const taken = hostRanges();
    for (const subnet of subnets()) {
      if (subnet !== undefined && overlapsAny(subnet, taken)) continue;
      attempts += 1;
      if (attempts > ATTEMPTS_MAX) break;
      try {
        await this.create(name, labels, subnet);
        const made = await this.find(name);
        if (made !== undefined) return made;
      } catch (error) {
        // Made meanwhile by another agent of this home.
        const other = isConflict(error) ? await this.find(name) : undefined;
        if (other !== undefined) return other;
        // Another network of the engine has it.
        if (!(error instanceof EngineError) || !/overlap|already allocated|conflicts/i.test(error.message))
          throw error;
        refusal = error.message;
      }
    }
    throw new MitosisError(
      'exhausted',
      `no subnet of ${this.options.pool} is free for ${name} (${refusal}); name another range with MITOSIS_DOCKER_POOL`,
    );
  }

  private create(
    name: string,
    labels: Readonly<Record<string, string>>,
    subnet: AddressRange | undefined,
  ): Promise<unknown> {
    return this.options.client.call('POST', '/networks/create', {
      body: {
        Name: name,
        CheckDuplicate: true,
        Driver: 'bridge',
        Labels: { ...labels, [HOME]: this.options.home },
        ...(subnet === undefined
          ? {}
          : { IPAM: { Config: [{ Subnet: subnet.text, Gateway: subnet.gateway }] } }),
      },
    });
  }

  /**
   * The one network of this name. The engine allows several (of two agents that made it at once): all but the oldest go,
   * whoever looks, because who made a later one looks before using it. What is used already stays all the same.
   */
  private async find(name: string): Promise<NetworkInspect | undefined> {
    const { client, home } = this.options;
    const filters = JSON.stringify({ name: [name], label: [`${HOME}=${home}`] });
    for (let attempt = 1; ; attempt += 1) {
      const listed = await client.call<readonly NetworkInspect[]>('GET', '/networks', { query: { filters } });
      // The filter finds parts of names, too.
      const [first, ...others] = listed
        .filter(({ Name }) => Name === name)
        .sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1));
      if (first === undefined || others.length === 0 || attempt > FIND_ATTEMPTS_MAX) return first;
      await this.keepOne(first, others);
    }
  }

  private async keepOne(first: NetworkInspect, others: readonly NetworkInspect[]): Promise<void> {
    const remove = ({ Id }: NetworkInspect): Promise<void> =>
      this.gone(() => this.options.client.call('DELETE', `/networks/${Id}`));
    for (const other of others) {
      try {
        await remove(other);
      } catch (error) {
        if (!isInUse(error)) throw error;
        await remove(first);
        return;
      }
    }
  }

  /** Networks of the level, and with `volumes` those volumes that were made for it. Throws MitosisError. */
  async remove(level: string, { volumes }: { readonly volumes: boolean }): Promise<void> {
    const { client, home } = this.options;
    const filters = JSON.stringify({ label: [`${HOME}=${home}`, `${LEVEL}=${level}`] });
    const networks = await client.call<readonly NetworkInspect[]>('GET', '/networks', { query: { filters } });
    for (const { Id } of networks) await this.gone(() => client.call('DELETE', `/networks/${Id}`));
    if (!volumes) return;
    const found = await client.call<{ readonly Volumes: readonly { readonly Name: string }[] | null }>(
      'GET',
      '/volumes',
      { query: { filters: JSON.stringify({ label: [`${LEVEL}=${level}`] }) } },
    );
    for (const { Name } of found.Volumes ?? [])
      await this.gone(() => client.call('DELETE', `/volumes/${encodeURIComponent(Name)}`));
  }

  private async gone(remove: () => Promise<unknown>): Promise<void> {
    try {
      await remove();
    } catch (error) {
      if (!(error instanceof EngineError) || error.status !== 404) throw error;
    }
  }
}

/** Sorts by when they were made. */
const ageOf = ({ Created, Id }: NetworkInspect): string => `${Created ?? ''} ${Id}`;

const isInUse = (error: unknown): boolean =>
  error instanceof EngineError && /active endpoints/i.test(error.message);

const isConflict = (error: unknown): boolean => error instanceof EngineError && error.status === 409;

const hostRanges = (): readonly AddressRange[] =>
  Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).flatMap(({ family, cidr }) =>
      family === 'IPv4' && cidr !== null ? (addressRange(cidr) ?? []) : [],
    ),
  );
