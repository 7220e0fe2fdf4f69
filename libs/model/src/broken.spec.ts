import { describe, expect, it } from 'vitest';
import { dedent, told } from './testing/composition.testing.js';

/** Each: what is wrong, the file, all that is told: place, path, problem → remedy. */
const BROKEN: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'a mistyped key of a service',
    `
    services:
      web:
        imagee: nginx
        command: run
    `,
    ['compose.yaml:3:5 services.web.imagee: unknown key "imagee" → did you mean "image"?'],
  ],
  [
    'a mistyped key of x-mitosis',
    `
    services:
      web:
        command: run
        x-mitosis: { scal: { min: 1 } }
    `,
    ['compose.yaml:4:18 services.web.x-mitosis.scal: unknown key "scal" → did you mean "scale"?'],
  ],
  [
    'an unknown key at the top',
    'service: { web: { command: run } }',
    ['compose.yaml:1:1 service: unknown key "service" → did you mean "services"?'],
  ],
  [
    'a list where a map is due',
    `
    services:
      - web
    `,
    ['compose.yaml:2:3 services: must be a map, not a list → write a map: one "key: value" a line'],
  ],
  [
    'a number where a text is due',
    'services: { web: { image: 5 } }',
    ['compose.yaml:1:27 services.web.image: must be a text, not a number → put it in quotes: "5"'],
  ],
  [
    'a duration without a unit',
    `
    services:
      web:
        command: run
        healthcheck: { test: [CMD, x], interval: 10 }
    `,
    [
      'compose.yaml:4:46 services.web.healthcheck.interval: "10" is not a duration such as 30s, 1m30s or 200ms → write a duration such as 30s, 1m30s or 200ms',
    ],
  ],
  [
    'an unknown condition',
    'services: { a: { command: x, depends_on: { b: { condition: service_health } } }, b: { command: x } }',
    [
      'compose.yaml:1:60 services.a.depends_on.b.condition: "service_health" is not allowed here → did you mean "service_healthy"?',
    ],
  ],
  [
    'an unknown dependency',
    'services: { web: { command: x, depends_on: [catalogue] }, catalog: { command: x } }',
    [
      'compose.yaml:1:45 services.web.depends_on.catalogue: there is no component "catalogue" → did you mean "catalog"?',
    ],
  ],
  [
    'dependencies in a circle',
    `
    services:
      a: { command: x, depends_on: [b] }
      b: { command: x, depends_on: [c] }
      c: { command: x, depends_on: [a] }
    `,
    [
      'compose.yaml:4:33 services.c.depends_on.a: the dependencies go in a circle: a → b → c → a → remove one of them: nothing could start first',
    ],
  ],
  [
    'a dependency that takes no part',
    'services: { a: { command: x, depends_on: [b] }, b: { command: x, profiles: [debug] } }',
    [
      'compose.yaml:1:43 services.a.depends_on.b: "b" takes part only with profile debug → add --profile debug, or say required: false',
    ],
  ],
  [
    'an alternative that is no component',
    `
    services:
      pay:
        x-mitosis:
          alternatives:
            - { name: own, component: pay-locale }
      pay-local: { command: x }
    `,
    [
      'compose.yaml:5:35 services.pay.x-mitosis.alternatives: there is no component "pay-locale" → did you mean "pay-local"?',
    ],
  ],
  [
    'an alternative that is no URL, and one that is nothing',
    'services: { pay: { x-mitosis: { alternatives: [{ name: a, url: pay.example }, { name: b }] } } }',
    [
      'compose.yaml:1:64 services.pay.x-mitosis.alternatives: "pay.example" is no URL → write one such as https://pay.example',
      'compose.yaml:1:79 services.pay.x-mitosis.alternatives: an alternative has either a url or a component → keep one of the two',
    ],
  ],
  [
    'alternatives of what runs itself',
    'services: { pay: { image: x, x-mitosis: { alternatives: [{ name: a, url: "http://a" }] } } }',
    [
      'compose.yaml:1:27 services.pay.image: a component with alternatives runs nothing itself → move image to a component of its own and name that as an alternative: { name: own, component: … }',
    ],
  ],
  [
    'a minimum above the maximum',
    'services: { a: { command: x, x-mitosis: { scale: { min: 5, max: 2 } } } }',
    ['compose.yaml:1:50 services.a.x-mitosis.scale: min 5 is more than max 2 → write max: 5 or more'],
  ],
  [
    'a number at birth outside of the bounds',
    'services: { a: { command: x, deploy: { replicas: 9 }, x-mitosis: { scale: { min: 1, max: 4 } } } }',
    [
      'compose.yaml:1:75 services.a.x-mitosis.scale: 9 instances at birth (deploy.replicas) are outside of 1..4 → write deploy.replicas: 4, or widen the scale',
    ],
  ],
  [
    'two numbers that contradict each other',
    'services: { a: { command: x, scale: 2, deploy: { replicas: 3 } } }',
    [
      'compose.yaml:1:37 services.a.scale: scale says 2, deploy.replicas says 3 → keep one of the two, or make them equal',
    ],
  ],
  [
    'an entry that is not there',
    'x-mitosis: { entry: webb }\nservices: { web: { command: x } }',
    ['compose.yaml:1:21 x-mitosis.entry: there is no component "webb" → did you mean "web"?'],
  ],
  [
    'an entry that ends',
    `
    x-mitosis: { entry: job }
    services:
      a: { command: x, depends_on: { job: { condition: service_completed_successfully } } }
      job: { command: x }
    `,
    [
      'compose.yaml:1:21 x-mitosis.entry: "job" runs once and ends: clients cannot reach it → name a component that stays',
    ],
  ],
  [
    'an entry without TCP',
    'x-mitosis: { entry: a }\nservices: { a: { command: x, ports: ["1:1/udp"] } }',
    [
      'compose.yaml:1:21 x-mitosis.entry: clients cannot reach "a": the router carries TCP only → give it a TCP port',
    ],
  ],
  [
    'an objective without an entry',
    'x-mitosis: { objective: { p95: 1s } }\nservices: { a: { command: x } }',
    [
      'compose.yaml:1:25 x-mitosis.objective: an objective of the whole composition needs an entry to be measured at → add entry: with the component clients reach',
    ],
  ],
  [
    'a policy without an objective',
    'services: { a: { command: x, x-mitosis: { scale: { max: 3 }, policy: slo } } }',
    [
      'compose.yaml:1:70 services.a.x-mitosis.policy: policy slo has no latency to hold → add objective: { p95: 300ms } to the component or to the composition, or take policy: target',
    ],
  ],
  [
    'a policy with a setting of another',
    'services: { a: { command: x, x-mitosis: { scale: { max: 3 }, policy: { kind: target, hold: 1s } } } }',
    [
      'compose.yaml:1:86 services.a.x-mitosis.policy.hold: policy target has no setting "hold" → it has: metric, value, tolerance, down_window',
    ],
  ],
  [
    'a value that is none of its metric',
    'services: { a: { command: x, x-mitosis: { scale: { max: 3 }, policy: { kind: target, metric: p95, value: 5 } } } }',
    ['compose.yaml:1:70 services.a.x-mitosis.policy: "5" is no value for p95 → write one such as 200ms'],
  ],
  [
    'a cron pattern that is none',
    'services: { a: { command: x, x-mitosis: { scale: { max: 3 }, policy: { kind: schedule, windows: [{ start: "0 25 * * *", end: "0 9 * * *", count: 2 }] } } } }',
    [
      'compose.yaml:1:107 services.a.x-mitosis.policy.windows[0].start: "0 25 * * *" is not a cron pattern of five fields such as "0 8 * * 1-5" → write a cron pattern of five fields such as "0 8 * * 1-5"',
    ],
  ],
  [
    'a schedule without windows in a list of policies',
    'services: { a: { command: x, x-mitosis: { scale: { max: 3 }, policy: [target, { kind: schedule }] } } }',
    [
      'compose.yaml:1:70 services.a.x-mitosis.policy: policy schedule needs windows → add windows: [{ start: "0 8 * * 1-5", end: "0 18 * * 1-5", count: 4 }]',
    ],
  ],
  [
    'an external policy without an address',
    'services: { a: { command: x, x-mitosis: { scale: { max: 3 }, policy: external } } }',
    [
      'compose.yaml:1:70 services.a.x-mitosis.policy: policy external needs the address of its gRPC service → add address: 127.0.0.1:9100',
    ],
  ],
  [
    'an idle time for what never goes to zero',
    'services: { a: { command: x, x-mitosis: { scale: { min: 1, max: 3, idle: 1m } } } }',
    [
      'compose.yaml:1:50 services.a.x-mitosis.scale: idle says when the last instance goes, and min is 1 → write min: 0, or remove idle',
    ],
  ],
  [
    'one port published twice',
    `
    services:
      a: { command: x, ports: ["8080:80"] }
      b: { command: x, ports: ["127.0.0.1:8080:81"] }
    `,
    [
      'compose.yaml:3:28 services.b.ports: port 8080 is published by "a" and by "b" → give one of them another port outside',
    ],
  ],
  [
    'ports that are none',
    'services: { a: { command: x, ports: ["8080:70000", "80:81:82"] } }',
    [
      'compose.yaml:1:38 services.a.ports: "8080:70000" is no port: the port inside is not from 1 to 65535 → write "8080:80", "127.0.0.1:8080:80" or "8000-8010:8000-8010", in quotes',
      'compose.yaml:1:52 services.a.ports: "80:81:82" is no port: there are more than two ports → write "8080:80", "127.0.0.1:8080:80" or "8000-8010:8000-8010", in quotes',
    ],
  ],
  [
    'nothing to run',
    'services:\n  a: { environment: { A: 1 } }',
    [
      'compose.yaml:2:3 services.a: "a" has nothing to run → give it command: (a process), image: or build: (containers), or x-mitosis: with composition: or alternatives:',
    ],
  ],
  [
    'what only a provider of docker compose could run',
    'services:\n  a: { provider: { type: model } }',
    [
      'compose.yaml:2:18 services.a.provider: Mitosis runs no providers → name what it provides by its address: x-mitosis: { alternatives: [{ name: …, url: … }] }',
    ],
  ],
  [
    'no component',
    'name: x',
    ['compose.yaml:1:1 services: the composition has no component → add services: with a component'],
  ],
  [
    'names that are taken or unusable',
    `
    services:
      mitosis-router: { command: x }
      a.b: { x-mitosis: { composition: ./c.yaml } }
      x-y: { command: x }
      x.y: { command: x }
    `,
    [
      'compose.yaml:2:3 services.mitosis-router: "mitosis-router" is the name of a part of Mitosis itself → rename it, e.g. to "my-router"',
      'compose.yaml:3:3 services.a.b: the name of a child level has no dots: they separate levels → rename it to "a-b"',
      'compose.yaml:5:3 services.x.y: "x.y" and "x-y" are both told to others as X_Y_URL → rename one of them',
      'compose.yaml:3:36 services.a.b.x-mitosis.composition: there is no file /p/c.yaml → name a composition file, or a folder with compose.yaml',
    ],
  ],
  [
    'a name with a blank',
    'services: { "a b": { command: x } }',
    [
      'compose.yaml:1:13 services.a b: "a b" is no valid name here → write a name that matches ^[a-zA-Z0-9._-]+$',
    ],
  ],
  [
    'a variable that must be set',
    'services: { a: { image: "x:${TAG:?say which}" } }',
    [
      'compose.yaml:1:28 services.a.image: variable TAG must be set: say which → set TAG in the environment or in .env',
    ],
  ],
  [
    'a dollar that is no variable',
    'services: { a: { command: "echo $1" } }',
    [
      'compose.yaml:1:33 services.a.command: "$1" is no variable: a name begins with a letter or _ → write $$ for a dollar sign that is meant as such',
    ],
  ],
  [
    'YAML that is none',
    'services:\n  a: { command: x\n  b: y',
    [
      'compose.yaml:3:3 : Flow map in block collection must be sufficiently indented and end with a } → indent this line like its siblings, with spaces',
    ],
  ],
  [
    'a key twice',
    'services:\n  a: { command: x }\n  a: { command: y }',
    ['compose.yaml:3:3 : Map keys must be unique → keep one of the two and remove the other'],
  ],
  [
    'a probe without a port, and a test that is none',
    'services: { a: { command: x, x-mitosis: { probe: { http: / } } }, b: { command: x, healthcheck: { test: [curl, x] } } }',
    [
      'compose.yaml:1:50 services.a.x-mitosis.probe: there is no port to probe → add ports: or expose:',
      'compose.yaml:1:105 services.b.healthcheck.test: a test begins with CMD, CMD-SHELL or NONE, not "curl" → write ["CMD", "program", "argument"], or the command as one text',
    ],
  ],
  [
    'waiting for the health of what nobody can know to be healthy',
    'services: { a: { command: x, depends_on: { b: { condition: service_healthy } } }, b: { command: x, healthcheck: { disable: true } } }',
    [
      'compose.yaml:1:47 services.a.depends_on.b: "b" is never known to be healthy: it has neither a healthcheck nor a port → add a healthcheck to "b", or wait for service_started',
    ],
  ],
  [
    'an open quote in a command',
    `services: { a: { command: "echo 'x" } }`,
    [
      'compose.yaml:1:27 services.a.command: a quote is not closed → close it, or write a list: ["program", "argument"]',
    ],
  ],
  [
    'a file of variables that is missing',
    'services: { a: { command: x, env_file: none.env } }',
    [
      'compose.yaml:1:40 services.a.env_file: there is no file /p/none.env → name an environment file that exists, or say required: false',
    ],
  ],
  [
    'a name no level can have',
    'name: My Shop\nservices: { a: { command: x } }',
    ['compose.yaml:1:7 name: "My Shop" is no name for a composition → did you mean "myshop"?'],
  ],
  [
    'an unknown signal',
    'services: { a: { command: x, stop_signal: SIGFOO } }',
    [
      'compose.yaml:1:43 services.a.stop_signal: "SIGFOO" is no signal → write a name such as SIGTERM or SIGINT',
    ],
  ],
  [
    'a value outside of a choice',
    'services: { a: { command: x, deploy: { update_config: { order: first } } } }',
    [
      'compose.yaml:1:64 services.a.deploy.update_config.order: "first" is not allowed here → write start-first or stop-first',
    ],
  ],
];

describe('broken compositions', () => {
  it.each(BROKEN)('%s', (_, text, problems) => {
    expect(told({ 'compose.yaml': dedent(text) })).toEqual(problems);
  });
});
