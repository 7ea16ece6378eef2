import { Command, CommanderError } from 'commander';
import { classify, exitCodeOf, UsageError } from '../base/errors.ts';
import { checkImageCommand } from './check-image.ts';
import { completeCommand, completing, completionCommand } from './completion.ts';
import { componentCommand } from './component.ts';
import { configCommand } from './config.ts';
import { imageCommand } from './image.ts';
import { initCommand } from './init.ts';
import { jobsCommand } from './jobs.ts';
import { logsCommand } from './logs.ts';
import { printError } from './output.ts';
import { planCommand } from './plan.ts';
import { resumeCommand } from './resume.ts';
import { runCommand } from './run.ts';
import { type Session, sessionOf, type Verb } from './session.ts';
import { showCommand } from './show.ts';
import { storageCommand } from './storage.ts';
import { sweepCommand } from './sweep.ts';
import { lineWidth } from './terminal.ts';
import { projectCommand } from './upgrade.ts';
import { validateCommand } from './validate.ts';
import { version } from './version.ts';

const verbs: Readonly<Record<string, Verb>> = {
  init: initCommand,
  run: runCommand,
  resume: resumeCommand,
  plan: planCommand,
  validate: validateCommand,
  jobs: jobsCommand,
  show: showCommand,
  logs: logsCommand,
  image: imageCommand,
  'check-image': checkImageCommand,
  storage: storageCommand,
  component: componentCommand,
  config: configCommand,
  project: projectCommand,
  sweep: sweepCommand,
  completion: completionCommand,
  [completing]: completeCommand,
};

/** We tell of errors ourselves, and help is as wide as the terminal. */
const told = {
  outputError: () => undefined,
  getOutHelpWidth: () => Math.min(lineWidth(), 100),
  getOutHasColors: () => false,
};

/** Runs one command line; answers its exit code. Nothing is thrown: every error has been printed. */
export async function runCli(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const program = new Command('componentd')
    .description('Runs containerised data components on containerd, without Docker.')
    .option('--address <socket>', "containerd's socket (also CONTAINERD_ADDRESS)")
    .option('--project <folder>', 'project folder of the embedded Storage (also COMPONENTD_PROJECT)')
    .option('--state-dir <folder>', 'where jobs keep their journal and data (also COMPONENTD_STATE_DIR)')
    .option(
      '--token-file <file>',
      "token that Storage is used with (also its secret in COMPONENTD_TOKEN); else the project's own",
    )
    .option('--runtime <name>', 'OCI runtime that runs the containers: runc, crun … (also COMPONENTD_RUNTIME)')
    .option('--json', 'print NDJSON: events, then one object with the result')
    .option('--quiet', 'print results and errors only')
    .option('--no-color', 'no colour on a terminal either (also NO_COLOR; FORCE_COLOR for colour in a pipe)')
    .addHelpText('after', afterHelp)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput(told);
  const exit = { code: 0 };
  const session = (): Session => sessionOf(program.opts(), signal, exit);
  try {
    // Declaring a verb takes time, and a command line has one; without a known one all of them are needed, for help and suggestions.
    const [asked] = program.parseOptions([...argv]).operands;
    const isWhole = asked === undefined || asked === completing || !Object.hasOwn(verbs, asked);
    // Behind a verb it may be the verb's own: `config show --version 3`.
    if (isWhole) program.version(version, '--version', 'print the version');
    for (const [name, declare] of Object.entries(verbs)) {
      if (isWhole || name === asked) declare(program, session);
    }
    overrideAll(program);
    await program.parseAsync([...argv], { from: 'user' });
    return exit.code;
  } catch (thrown) {
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    if (error === undefined) return 0;
    printError(classify(error), { json: argv.includes('--json') });
    return exitCodeOf(error);
  }
}

const afterHelp = `
Exit codes:
    0  success
    1  the job's author must act: the component said so, or a configuration, a mapping or an image is wrong
    2  the component's author must act, or we
    3  the operator must act: containerd, a registry or the disk is not there
   64  the command line is wrong
  130  stopped by SIGINT, Ctrl-C
  143  stopped by SIGTERM

Start here:
  componentd init --project ./project
  componentd component add component.json --project ./project
  componentd run acme.my-component --config 1 --project ./project`;

function usageError(error: CommanderError): UsageError | undefined {
  if (error.exitCode === 0) return undefined;
  if (error.code === 'commander.help') return new UsageError('a verb is missing', { hint: 'See `componentd --help`.' });
  return new UsageError(error.message.replace(/^error: /, ''), {
    hint: 'See `componentd --help`, or `--help` after the verb.',
  });
}

/** Subcommands do not inherit these. */
function overrideAll(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride().configureOutput(told);
    overrideAll(child);
  }
}
