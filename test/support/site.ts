import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';
import { type CliOptions, type Line, type Ran, type RunningCli, startCli } from './cli.ts';
import { buildShell, shell, shellImage } from './components.ts';
import type { NetworkPlace } from './networks.ts';
import { expectNothingLeft } from './nothing-left.ts';

/** A tenant for one test file: its own namespace and cgroups on the run's containerd, and the shell image in it. */
export interface Tenant {
  readonly name: string;
  /** A folder for archives and the like; gone after the file. */
  readonly folder: string;
  /** A new project with its state directory. After the test nothing may be left of what ran there. */
  site(settings?: SiteSettings): Promise<Site>;
}

export interface SiteSettings {
  /** Makes what the project holds at the beginning: once for every such function of a test file, the others get a copy. */
  readonly prepare?: (site: Site) => Promise<void>;
  /** More settings of componentd's configuration file. */
  readonly config?: object;
  readonly address?: string;
  readonly stateDir?: string;
}

export interface Site {
  readonly folder: string;
  readonly project: string;
  readonly stateDir: string;
  /** What its command lines find in their environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs a command line to its end. */
  run(args: readonly string[], options?: Given): Promise<Ran>;
  /** Runs a command that must succeed and answers its one JSON object. */
  ask(args: readonly string[], options?: Given): Promise<Line>;
  start(args: readonly string[], options?: Given): RunningCli;
  /** Adds a component of the shell image. */
  define(id: string, more?: object): Promise<void>;
  /** Runs a job given as an object, with `--json`. */
  job(body: object, options?: Given): Promise<JobRun>;
  startJob(body: object, options?: Given): RunningCli;
  /** Runs a script as the component `test.main`, which is defined; `more` goes into the configuration. */
  script(script: string, more?: object, options?: Given): Promise<JobRun>;
  /** What a job told, from its record. */
  events(job: string): Promise<readonly Line[]>;
  /** Ends the waiting of `untilLetGo` in the first row of a job. */
  letGo(job: string): Promise<void>;
  /** The one job of the state directory. */
  onlyJob(): Promise<string>;
  file(name: string, content: string | Uint8Array): Promise<string>;
  /** A table as CSV. */
  table(id: string): Promise<string>;
}

export type Given = Partial<Pick<CliOptions, 'input' | 'reader'>> & {
  readonly env?: NodeJS.ProcessEnv;
  /** Ends at this step by SIGKILL. */
  readonly crashAt?: string;
};

export interface JobRun extends Ran {
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads out of it, the test judges.
  readonly result: any;
}

/** Prepares a project in which `test.main` is defined, as it is most often needed. */
export function mainDefined(site: Site): Promise<void> {
  return site.define('test.main');
}

/** To be called once at the top of a test file. */
export function useTenant(file: string): Tenant {
  const name = `e2e-${basename(file, '.test.ts')}-${process.pid}`;
  const sites: OpenSite[] = [];
  const prepared = new Map<unknown, Promise<string>>();
  const template = async (prepare: (site: Site) => Promise<void>, settings: SiteSettings): Promise<string> => {
    const copy = join(tenant.folder, `project-${prepared.size}`);
    const site = await openSite(name, settings);
    await prepare(site);
    await cp(site.project, copy, { recursive: true });
    await site.remove();
    return copy;
  };
  const tenant = {
    name,
    folder: '',
    site: async ({ prepare, ...settings }: SiteSettings = {}) => {
      if (prepare !== undefined && !prepared.has(prepare)) prepared.set(prepare, template(prepare, settings));
      const site = await openSite(name, settings, prepare && (await prepared.get(prepare)));
      sites.push(site);
      return site;
    },
  };
  beforeAll(async () => {
    tenant.folder = await mkdtemp(join(tmpdir(), 'componentd-test-e2e-'));
    const site = await openSite(name, {});
    await site.ask(['image', 'import', await buildShell(tenant.folder)]);
    await site.remove();
  });
  afterEach(async () => {
    const opened = sites.splice(0);
    try {
      for (const site of opened) await site.expectClean();
      await expectNothingLeft({
        address: inject('containerdAddress'),
        namespace: `componentd-${name}`,
        cgroupPrefix: `/componentd/${name}`,
        tempDirectory: tenant.folder,
        networks: networksOf(name),
      });
    } catch (error) {
      // One test that leaves something is one failure.
      for (const site of opened) await site.run(['sweep']);
      throw error;
    } finally {
      for (const site of opened) await site.remove();
    }
  });
  afterAll(async () => {
    for (const folder of [tenant.folder, networksOf(name).directory])
      await rm(folder, { recursive: true, force: true });
  });
  return tenant;
}

/** Where containers of the tenant get their networks. */
export function networksOf(tenant: string): NetworkPlace {
  return { directory: join(tmpdir(), `componentd-test-network-${tenant}`), subnet: `10.216.${process.pid % 250}.0/24` };
}

interface OpenSite extends Site {
  expectClean(): Promise<void>;
  remove(): Promise<void>;
}

async function openSite(tenant: string, settings: SiteSettings, template?: string): Promise<OpenSite> {
  const folder = await mkdtemp(join(tmpdir(), 'componentd-test-site-'));
  const project = join(folder, 'project');
  const stateDir = settings.stateDir ?? join(folder, 'state');
  const temp = join(folder, 'tmp');
  await mkdir(temp);
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify({ tenant, networks: networksOf(tenant), ...settings.config }));

  const base = {
    PATH: process.env.PATH,
    HOME: folder,
    TMPDIR: temp,
    COMPONENTD_CONFIG: config,
    CONTAINERD_ADDRESS: settings.address ?? inject('containerdAddress'),
    COMPONENTD_PROJECT: project,
    COMPONENTD_STATE_DIR: stateDir,
  };
  const start: Site['start'] = (args, { input, reader, env, crashAt } = {}) =>
    startCli({
      args,
      input,
      reader,
      env: {
        ...base,
        ...(crashAt !== undefined && { COMPONENTD_CRASH_AT: crashAt }),
        ...env,
      },
    });
  const run: Site['run'] = (args, options) => start(args, options).done;
  const ask: Site['ask'] = async (args, options) => {
    const { code, stdout, stderr, lines } = await run(['--json', ...args], options);
    if (code !== 0) throw new Error(`componentd ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
    return lines.at(-1) ?? (JSON.parse(stdout) as Line);
  };
  const file: Site['file'] = async (name, content) => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };
  const startJob: Site['startJob'] = (body, options) =>
    start(['--json', 'run', '-'], { ...options, input: JSON.stringify(body) });
  const job: Site['job'] = async (body, options) => {
    const ran = await startJob(body, options).done;
    return { ...ran, result: ran.lines.find(({ type }) => type === 'result') };
  };
  const define: Site['define'] = async (id, more = {}) => {
    const [uri, tag] = shellImage.split(':');
    const { features, ...data } = more as { features?: readonly string[] };
    const base = { definition: { type: 'dockerhub', uri, tag }, memory: '64m', process_timeout: 120, network: 'none' };
    const definition = { id, ...(features && { features }), data: { ...base, ...data } };
    await ask(['component', 'add', '-'], { input: JSON.stringify(definition) });
  };
  const jobs = (): Promise<string[]> => readdir(join(stateDir, 'jobs')).catch(() => []);
  const site: OpenSite = {
    folder,
    project,
    stateDir,
    env: base,
    start,
    run,
    ask,
    file,
    startJob,
    job,
    define,
    script: (script, more = {}, options) =>
      job({ component: 'test.main', configData: { parameters: shell(script), ...more } }, options),
    events: async (id) => {
      const text = await readFile(join(stateDir, 'jobs', id, 'events.ndjson'), 'utf8');
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line);
    },
    letGo: (id) => writeFile(join(stateDir, 'jobs', id, 'row-0/data/out/go'), ''),
    onlyJob: async () => {
      // A folder that is still being made has a dot in front.
      const [only, ...others] = (await jobs()).filter((name) => !name.startsWith('.'));
      if (only === undefined || others.length > 0) throw new Error(`there are ${others.length} more jobs, or none`);
      return only;
    },
    table: async (id) => {
      const { code, stdout, stderr } = await run(['storage', 'export', id]);
      if (code !== 0) throw new Error(stderr);
      return stdout;
    },
    expectClean: async () => {
      const left: string[] = [];
      for (const id of await jobs()) {
        const names = await readdir(join(stateDir, 'jobs', id));
        left.push(...names.filter((name) => !/^(journal|events)\.ndjson$/.test(name)).map((name) => `${id}/${name}`));
      }
      for (const place of [temp, join(project, 'staged'), join(project, 'temp')]) {
        if (existsSync(place)) left.push(...(await readdir(place)).map((name) => join(place, name)));
      }
      expect(left, 'left on disk').toEqual([]);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  if (template === undefined) await ask(['init']);
  else await cp(template, project, { recursive: true });
  return site;
}

/** The files below a folder that hold these bytes. */
export async function filesWith(folder: string, text: string): Promise<readonly string[]> {
  const wanted = Buffer.from(text);
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(path)).includes(wanted)) found.push(path);
  }
  return found;
}
