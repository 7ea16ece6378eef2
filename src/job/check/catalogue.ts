/** A check: what it is called, and which part of the component contract makes it matter. */
export interface CheckAbout {
  readonly title: string;
  readonly why: string;
}

/** Every check, in the order in which they are told. */
export const catalogue = {
  platform: {
    title: 'platform',
    why: 'Images: a component runs on the node as it is, nothing is emulated.',
  },
  size: {
    title: 'size and layers',
    why: 'Images: every node that runs the component has to fetch and unpack them before the first job starts.',
  },
  command: {
    title: 'command',
    why: 'Container run options: ENTRYPOINT and CMD of the image are run as they are, by user 1000:1000.',
  },
  user: {
    title: 'user',
    why: 'Ownership and permissions: the container runs as 1000:1000, whatever USER says, unless the definition has the feature container-root-user.',
  },
  workdir: {
    title: 'working directory',
    why: 'The /data folder: `in` and `out` are replaced between the containers of a job.',
  },
  ignored: {
    title: 'settings without effect',
    why: 'Container run options: /data and /tmp are the only mounts; volumes, ports and health checks of an image do nothing.',
  },
  run: {
    title: 'exit code',
    why: 'Exit codes: 0 is success, 1 an error the user can mend, everything else an error of the component whose text users do not see.',
  },
  rights: {
    title: 'rights',
    why: 'Ownership and permissions: files in /data belong to 1000:1000, and so does the process; no supplementary groups.',
  },
  message: {
    title: 'message',
    why: 'Composed message: what users read about a failure is standard error, else standard output, at most 4,000 characters.',
  },
  output: {
    title: 'output',
    why: 'Output: the events of a job are the lines of standard output and standard error, in UTF-8.',
  },
  secrets: {
    title: 'secrets',
    why: 'Output filter: values under `#` keys are masked in the known spellings only; what is not printed needs no mask.',
  },
  root: {
    title: 'root file system',
    why: 'The /data folder: results leave through /data/out only, scratch files belong to /tmp; all else is gone after the run.',
  },
  inputs: {
    title: 'inputs',
    why: 'The /data folder: `in` and config.json are there to be read; results leave through /data/out.',
  },
  regular: {
    title: 'files in out',
    why: 'Output mapping: only regular files leave the data folder; links, sockets and devices fail the job.',
  },
  manifests: {
    title: 'manifests',
    why: 'Manifests: a file X.manifest beside its data, JSON with known keys; anything else fails the job.',
  },
  tables: {
    title: 'tables',
    why: 'Output mapping: tables are CSV in UTF-8, with a header unless the manifest names the columns.',
  },
  state: {
    title: 'state',
    why: 'State: out/state.json is read after a successful run; what is not JSON fails the job, no file clears the state.',
  },
  documents: {
    title: 'usage and result',
    why: 'Usage and result: out/usage.json is a list of metrics, out/result.json an object with "variables".',
  },
  processes: {
    title: 'processes',
    why: 'Exit codes: the container ends with its first process, and the kernel kills whatever it left running.',
  },
  stop: {
    title: 'SIGTERM',
    why: 'Stopping a job: SIGTERM, a time of grace, SIGKILL. As process 1 of its container a program ignores SIGTERM unless it handles it.',
  },
  mistake: {
    title: 'wrong configuration',
    why: "Exit codes: a configuration the component cannot use is the user's to mend, which is exit code 1 with a message.",
  },
} as const satisfies Readonly<Record<string, CheckAbout>>;

export type CheckName = keyof typeof catalogue;

export const checkNames = Object.keys(catalogue) as readonly CheckName[];
