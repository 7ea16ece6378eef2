import { constants } from 'node:fs';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Demo } from './example-demo.ts';

export interface Foreign {
  /** OCI or Docker archive. */
  readonly image: string;
  readonly table: string;
  /** JSON file: what the component finds under `parameters`. */
  readonly parameters: string | undefined;
}

const component = 'demo.foreign';

/** Somebody else's component on somebody else's table: output tables go to the default bucket, there is no network. */
export function foreignDemo(foreign: Foreign): Demo {
  return {
    prepare: async ({ cli, folder, say }) => {
      const parameters = await readParameters(foreign.parameters);
      for (const path of [foreign.image, foreign.table]) await readable(path);
      const file = basename(foreign.table);
      const config = tableName(file);
      const table = `in.c-demo.${config}`;

      say(`importing the image ${foreign.image}`);
      await cli.shown('image', 'import', foreign.image, '--name', 'demo/foreign:local');
      say(`importing ${foreign.table} as ${table}`);
      await cli.shown('storage', 'import', table, foreign.table);

      await mkdir(`${folder}/foreign`, { recursive: true });
      const [definition, configuration] = [`${folder}/foreign/definition.json`, `${folder}/foreign/configuration.json`];
      await writeFile(definition, JSON.stringify(definitionOf(), null, 2));
      const input = { tables: [{ source: table, destination: file }] };
      await writeFile(configuration, JSON.stringify({ storage: { input }, parameters }, null, 2));
      await cli.quiet('component', 'add', definition);
      await cli.quiet('config', 'set', component, config, configuration);
      return { component, config, input: table, buckets: [`out.c-${component.replace('.', '-')}-${config}`] };
    },
  };
}

function definitionOf(): unknown {
  const data = {
    definition: { type: 'dockerhub', uri: 'demo/foreign', tag: 'local' },
    memory: '1g',
    network: 'none',
    default_bucket: true,
    default_bucket_stage: 'out',
  };
  return { id: component, type: 'application', data };
}

/** `Größe 2024.csv` → `Gro_e_2024`: what is allowed in the id of a table. */
function tableName(file: string): string {
  const name = file
    .replace(/\.[^.]*$/, '')
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^A-Za-z0-9_]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  return name.slice(0, 60) || 'table';
}

async function readable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw new Error(`${path} cannot be read`, { cause: error });
  }
}

async function readParameters(path: string | undefined): Promise<unknown> {
  if (path === undefined) return {};
  await readable(path);
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
