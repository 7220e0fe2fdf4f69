/** `mitosis sites`: where instances can run, and what is used there. Pure. */
import type { placer } from '@mitosis/contracts';
import { table } from '../output/table.js';
import { formatBytes } from '../output/units.js';

const amount = (value: number, of: number): string =>
  `${Math.round(value * 100) / 100} of ${of === 0 ? 'unknown' : Math.round(of * 100) / 100}`;

export const renderSites = (reply: placer.SitesReply): string =>
  table(
    ['SITE', 'DRIVER', 'INSTANCES', 'CORES', 'MEMORY', 'ZONE', 'AGENT', 'TROUBLE'],
    reply.sites.map((site) => {
      const use = reply.uses.find((one) => one.site === site.site);
      const memory = site.memoryBytes === 0 ? 'unknown' : formatBytes(site.memoryBytes);
      return [
        site.site,
        site.driver,
        use === undefined ? 'unknown' : String(use.instances),
        use === undefined ? `unknown of ${site.cpus}` : amount(use.cpus, site.cpus),
        use === undefined ? `unknown of ${memory}` : `${formatBytes(use.memoryBytes)} of ${memory}`,
        site.zone,
        site.agent,
        site.trouble ?? '',
      ];
    }),
  );
