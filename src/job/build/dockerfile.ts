/** Commands upon a base image, as far as they go into a Dockerfile. */
export interface CommandImage {
  readonly base: string;
  readonly version?: string;
  readonly commands: readonly string[];
  readonly entryPoint: string;
  /** Whether git finds credentials. */
  readonly signsIn: boolean;
}

/** What a build has beside the Dockerfile itself. */
export interface CommandDockerfile {
  readonly dockerfile: string;
  readonly arguments: Readonly<Record<string, string>>;
  /** Commands that are build secrets: those that hold one, and those that a line of a Dockerfile cannot hold. */
  readonly scripts: readonly { readonly id: string; readonly text: string }[];
}

/** The build secret with the credentials, where the contract has them. */
export const credentialsId = 'git-credentials';
const credentialsPath = '/tmp/.git-credentials';
const helper = `store --file=${credentialsPath}`;

/** Also for a git before 2.31, which knows no other way; neither asks anybody. */
const gitArguments = {
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'credential.helper',
  GIT_CONFIG_VALUE_0: helper,
  GIT_CONFIG_PARAMETERS: `'credential.helper=${helper}'`,
  GIT_TERMINAL_PROMPT: '0',
};

/**
 * The Dockerfile of contract 9.3. Instead of copying the credentials into the image, each command finds them where the contract has them,
 * as a mount that ends with the command: no layer ever holds them.
 */
export function commandDockerfile({ base, version, commands, entryPoint, signsIn }: CommandImage): CommandDockerfile {
  const scripts: { id: string; text: string }[] = [];
  const credentials = signsIn ? [mount(credentialsId, credentialsPath)] : [];
  const runs = commands.map((command, index) => {
    if (isLine(command)) return run([...credentials], command);
    const id = `command-${index + 1}`;
    scripts.push({ id, text: command });
    return run([...credentials, mount(id, `/tmp/.${id}`)], `/bin/sh /tmp/.${id}`);
  });
  const lines = [
    `FROM ${base}`,
    'LABEL com.keboola.docker.runner.origin=builder',
    'WORKDIR /home',
    ...(version === undefined ? [] : [`ENV APP_VERSION=${quoted(version)}`]),
    ...(signsIn ? Object.keys(gitArguments).map((name) => `ARG ${name}`) : []),
    ...runs,
    'WORKDIR /data',
    `ENTRYPOINT ${entryPoint}`,
  ];
  return { dockerfile: `${lines.join('\n')}\n`, arguments: signsIn ? gitArguments : {}, scripts };
}

/** Whether the command means in a Dockerfile what it says: a single line, no flags, no here-document, and no secret. */
function isLine(command: string): boolean {
  return !/[\r\n]|<<|\{\{#|\\\s*$|^\s*--|^\s*$/.test(command);
}

function run(flags: readonly string[], command: string): string {
  return ['RUN', ...flags, command].join(' ');
}

/** Readable also where the base image names a user. */
function mount(id: string, path: string): string {
  return `--mount=type=secret,id=${id},target=${path},mode=0444,required=true`;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\$]/g, '\\$&')}"`;
}
