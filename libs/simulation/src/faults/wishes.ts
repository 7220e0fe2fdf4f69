/** What people and clients do meanwhile: no fault, but what faults have to meet. */
import { once, type Fault } from './fault.js';

const RATE_MIN = 1;
const RATE_MAX = 11;

export const wishes = {
  load: {
    summary: 'clients send more or fewer requests',
    lastsMs: [0, 0],
    begin: (level, random) => {
      const rate = random.whole(RATE_MIN, RATE_MAX);
      level.trace.add(`wish: ${rate} requests/s`);
      level.traffic.setRate('web', rate);
      return once;
    },
  },
  'roll-out': {
    summary: 'a new version of web is applied',
    lastsMs: [0, 0],
    begin: (level, random) => {
      const version = random.pick(['v1', 'v2', 'v3'].filter((other) => other !== level.version));
      level.trace.add(`wish: version ${version}`);
      void level.apply(version);
      return once;
    },
  },
} as const satisfies Record<string, Fault>;
