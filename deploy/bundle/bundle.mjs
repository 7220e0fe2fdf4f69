#!/usr/bin/env node
/**
 * Bundles a program into one file, run by a package after its TypeScript build: `node bundle.mjs <dist/main.js> …`.
 * A level starts about ten processes at its birth; loading one file instead of a thousand more than halves the time and
 * the processor each of them needs. Modules are found on disk only where a package insists on reading a file of its own.
 */
import { cpSync, mkdirSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';

/** Packages that NestJS asks for only where an application uses them. */
const OPTIONAL = [
  '@nestjs/websockets',
  '@nestjs/websockets/*',
  '@nestjs/platform-socket.io',
  'class-validator',
  'class-transformer',
  'ioredis',
  'nats',
  '@nats-io/*',
  'kafkajs',
  'mqtt',
  'amqplib',
  'amqp-connection-manager',
];

/** CommonJS packages inside an ES module bundle expect these names. */
const BANNER = `import { createRequire as __createRequire } from 'node:module';
import { fileURLToPath as __fileURLToPath } from 'node:url';
import { dirname as __dirnameOf } from 'node:path';
const require = __createRequire(import.meta.url);
const __filename = __fileURLToPath(import.meta.url);
const __dirname = __dirnameOf(__filename);`;

/** etcd3 reads its protocol from `../proto` beside its own file. */
function copyEtcdProtocol(root, outdir) {
  const coordination = resolve(root, '../../libs/coordination/package.json');
  if (!existsSync(coordination)) return;
  const library = dirname(createRequire(coordination).resolve('etcd3'));
  cpSync(join(library, '../proto'), join(outdir, '../proto'), { recursive: true });
}

const entries = process.argv.slice(2);
if (entries.length === 0) throw new Error('bundle.mjs: name at least one built entry, e.g. dist/main.js');
const outdir = resolve('dist/bundle');
mkdirSync(outdir, { recursive: true });
await build({
  entryPoints: entries.map((entry) => ({ in: entry, out: basename(entry, '.js') })),
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // A third less to read and compile at every start, and less memory; names stay, so that stacks can be read.
  minifyWhitespace: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  external: OPTIONAL,
  banner: { js: BANNER },
});
copyEtcdProtocol(process.cwd(), outdir);
