/** `x-mitosis.sites`: a list, or the path of a file with one. */
import type { SiteSpec } from '@mitosis/contracts';
import { readText } from '../compose/read-file.js';
import { interpolateNode } from '../interpolation/interpolate-node.js';
import { siteList } from '../shape/mitosis-shape.js';
import { validate } from '../shape/validate.js';
import { child, type Node, numberOf, textOf } from '../source/node.js';
import { parseYaml } from '../source/parse-yaml.js';
import { byteSize } from '../values/bytes.js';
import type { Building } from './service.js';

/** Empty: this machine. */
export const sitesOf = (building: Building): readonly SiteSpec[] => {
  const said = child(building.root, 'x-mitosis', 'sites');
  const node = said?.kind === 'scalar' ? siteFile(said.text, said, building) : said;
  const seen = new Set<string>();
  return (node?.kind === 'seq' ? node.items : []).map((site) => {
    const name = textOf(site, 'name') ?? '';
    if (seen.has(name))
      building.problems.error(
        site.at,
        'x-mitosis.sites',
        `two sites are called "${name}"`,
        'rename one of them',
      );
    seen.add(name);
    return {
      name,
      driver: textOf(site, 'driver') === 'docker' ? 'docker' : 'process',
      agent: textOf(site, 'agent') ?? '',
      cpus: numberOf(site, 'cpus') ?? 0,
      memoryBytes: byteSize(textOf(site, 'memory') ?? '0') ?? 0,
      zone: textOf(site, 'zone') ?? '',
      pricePerCpuHour: numberOf(site, 'price') ?? 0,
    };
  });
};

/** A list, or a map with the list under `sites`. */
const siteFile = (path: string, named: Node, building: Building): Node | undefined => {
  const { problems, variables } = building;
  const text = readText(path, building, named.at, 'name a file with a list of sites');
  const [document] = (text === undefined ? undefined : parseYaml(path, text, problems)) ?? [];
  if (document === undefined) return undefined;
  const list = document.kind === 'map' ? child(document, 'sites') : document;
  if (list === undefined) {
    problems.error(document.at, '', 'there is no list of sites', 'write - name: … for each site');
    return undefined;
  }
  const before = problems.errors.length;
  const filled = interpolateNode(list, variables, problems);
  validate(filled, siteList, 'sites', problems);
  return problems.errors.length > before ? undefined : filled;
};
