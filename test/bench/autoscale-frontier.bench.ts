/**
 * `pnpm bench:autoscale-frontier FILE…`: reads finished cells of `bench:autoscale` and prints a line of JSON per scene (trace, tiers,
 * start-up time) and lateness, with what each policy costs there at its best knob, and one per fixed setting over all scenes.
 */
import { readFileSync } from 'node:fs';
import { bestAt, fixedSettings, groupBy, pointsOf, type Cell } from './autoscale/frontier.js';

const files = process.argv.slice(2);
if (files.length === 0) throw new Error('name at least one file written by bench:autoscale --results');
const cells = files
  .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
  .filter((line) => line.startsWith('{') && line.endsWith('}'))
  .map((line) => JSON.parse(line) as Cell);
const points = pointsOf(cells);
const round = (value: number): number => Math.round(value * 1_000) / 1_000;

for (const lateMax of [1, 5]) {
  const scenes = groupBy(bestAt(points, lateMax), ({ scene }) => scene);
  for (const [scene, found] of [...scenes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const costs = found.map(({ policy, point }) => [
      policy,
      point && { cost: round(point.cost), late: round(point.late), knob: point.knob, seeds: point.seeds },
    ]);
    console.log(JSON.stringify({ scene, lateMax, ...Object.fromEntries(costs) }));
  }
}
for (const setting of fixedSettings(points)) console.log(JSON.stringify({ fixed: true, ...setting }));
