import { dockerCommand } from './docker.ts';
import { type Contender, type Row, timeProcess } from './measure.ts';
import type { Setting } from './setting.ts';

/** The rows of the bench; `rounds` for the quick ones, a fifth of it for the long one. */
export function benchRows(setting: Setting, rounds: number): readonly Row[] {
  const { names, resident, trivial } = setting;
  return [
    {
      name: 'trivial',
      what: 'one container that ends at once',
      rounds,
      contenders: [
        ctr(setting, names.trivial, 1),
        docker(setting, names.trivial, 1),
        { name: 'resident', run: () => resident.runOne(trivial) },
        componentd(setting, 'bench.trivial', 'trivial'),
      ],
    },
    {
      name: 'chain',
      what: 'three containers after one another',
      rounds,
      contenders: [
        ctr(setting, names.trivial, 3),
        docker(setting, names.trivial, 3),
        { name: 'resident', run: () => resident.runChain(trivial) },
        componentd(setting, 'bench.trivial', 'chain'),
      ],
    },
    {
      name: 'start',
      what: 'a process that says its version',
      rounds,
      contenders: [
        { name: 'node -e 0', run: async () => ({ '': (await timeProcess(process.execPath, ['-e', '0'])).ms }) },
        { name: 'componentd', run: async () => ({ '': (await timeProcess(setting.componentd, ['--version'])).ms }) },
      ],
    },
    {
      name: 'log',
      what: 'a container that prints 200 MB',
      rounds: Math.max(1, Math.floor(rounds / 5)),
      contenders: [
        ctr(setting, names.log, 1),
        docker(setting, names.log, 1),
        withMemory(componentd(setting, 'bench.log', 'log')),
      ],
    },
  ];
}

interface Memorable extends Contender {
  readonly last: { peakMiB: number };
}

function ctr({ ctr: flags }: Setting, image: string, times: number): Contender {
  return {
    name: 'ctr run',
    run: async (round) => {
      let total = 0;
      for (let i = 0; i < times; i += 1) {
        total += (await timeProcess('ctr', [...flags, 'run', '--rm', image, `bench-${round}-${i}`])).ms;
      }
      return { '': total };
    },
  };
}

function docker({ docker: { args } }: Setting, image: string, times: number): Contender {
  return {
    name: 'docker run',
    run: async () => {
      let total = 0;
      for (let i = 0; i < times; i += 1) {
        total += (await timeProcess(dockerCommand, [...args, 'run', '--rm', '--network', 'none', image])).ms;
      }
      return { '': total };
    },
  };
}

function componentd({ componentd: command, flags }: Setting, component: string, config: string): Memorable {
  const last = { peakMiB: 0 };
  return {
    name: 'componentd run',
    last,
    run: async () => {
      const { ms, peakMiB } = await timeProcess(command, [...flags, '--quiet', 'run', component, '--config', config]);
      last.peakMiB = peakMiB;
      return { '': ms };
    },
  };
}

function withMemory(contender: Memorable): Contender {
  return {
    name: contender.name,
    run: async (round) => ({ ...(await contender.run(round)), 'peak MiB': contender.last.peakMiB }),
  };
}
