import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Cli } from './cli.ts';
import { buildExample } from './example-images.ts';
import { writeOrders } from './orders.ts';
import { pushImage } from './push-image.ts';

/** Where a demo prepares its job. */
export interface Bench {
  readonly cli: Cli;
  /** Host and port of the registry. */
  readonly registry: string;
  readonly folder: string;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** The job that is ready to run, and what to show of it. */
export interface PreparedJob {
  readonly component: string;
  readonly config: string;
  /** The input in words. */
  readonly input: string;
  /** Where its output tables go. */
  readonly buckets: readonly string[];
}

export interface Demo {
  prepare(bench: Bench): Promise<PreparedJob>;
}

const rows = 1_000_000;
const table = 'in.c-demo.orders';
const images = ['component', 'processor-before', 'processor-after'];

/** The example of this repository: its sources lie in `examples`. */
export function exampleDemo(examples: string): Demo {
  return {
    prepare: async (bench) => {
      await publishImages(examples, bench);
      await importData(examples, bench);
      await bench.cli.quiet('config', 'set', 'demo.component', 'demo', `${examples}/configuration.json`);
      return {
        component: 'demo.component',
        config: 'demo',
        input: `${rows.toLocaleString('en')} rows of ${table} and a file of exchange rates`,
        buckets: ['out.c-demo', 'out.c-demo-component-demo'],
      };
    },
  };
}

/** Builds, pushes and defines; the digest in the definition makes an image that changed a new one under its old tag. */
async function publishImages(examples: string, { cli, registry, folder, say }: Bench): Promise<void> {
  say(`building and pushing ${images.length} images to ${registry}`);
  await mkdir(`${folder}/images`, { recursive: true });
  for (const image of images) {
    const archive = `${folder}/images/${image}.tar`;
    await buildExample(`${examples}/components`, image, archive);
    const digest = await pushImage(archive, `http://${registry}`, `demo/${image}:1`);
    const definition = JSON.parse(await readFile(`${examples}/components/${image}/definition.json`, 'utf8'));
    definition.data.definition.uri = `${registry}/demo/${image}`;
    definition.data.definition.digest = digest.replace('sha256:', '');
    const path = `${folder}/images/${image}.json`;
    await writeFile(path, JSON.stringify(definition, null, 2));
    await cli.quiet('component', 'add', path);
  }
}

async function importData(examples: string, { cli, folder, say }: Bench): Promise<void> {
  if ((await cli.tables()).includes(table)) {
    say(`${table} is in Storage already`);
    return;
  }
  const orders = `${folder}/input/orders.csv`;
  await mkdir(`${folder}/input`, { recursive: true });
  if (!existsSync(orders)) {
    say(`writing ${rows.toLocaleString('en')} orders to .demo/input/orders.csv`);
    await writeOrders(orders, rows);
  }
  say(`importing ${table} and the file rates.txt into Storage`);
  const tags = ['--tag', 'demo', '--tag', 'rates'];
  await cli.quiet(
    'storage',
    'import',
    '--file',
    `${examples}/rates.txt`,
    '--name',
    'rates.txt',
    ...tags,
    '--permanent',
  );
  await cli.shown('storage', 'import', table, orders, '--primary-key', 'order_id');
}
