import type { Command, Option } from 'commander';
import type { Config } from '../config.ts';
import { neutralise } from '../sinks/format.ts';
import type { Known } from './complete-ids.ts';

/** Asks the shell to complete paths. */
const files = ':files';

/** The place of the word that is completed: the command it belongs to, and the words before it that are no flags. */
interface Place {
  readonly command: Command;
  readonly operands: readonly string[];
  /** Values of flags by their long names. */
  readonly flags: ReadonlyMap<string, string>;
  /** The flag whose value it is. */
  readonly option?: Option;
}

/**
 * Lines for the last of the words: a candidate, a tab, what it means; `:files` where a path is wanted. Only words that no shell would act
 * on; what cannot be read has no candidates.
 */
export async function candidatesFor(
  program: Command,
  words: readonly string[],
  config: Config,
): Promise<readonly string[]> {
  const current = words.at(-1) ?? '';
  const place = placeOf(program, words.slice(0, -1));
  const [flag = '', value] = current.startsWith('--') && current.includes('=') ? current.split(/=(.*)/s) : [current];
  const inline = value === undefined ? undefined : optionsOf(place.command).find(({ long }) => long === flag);
  const found = await candidates(
    inline === undefined ? place : { ...place, option: inline },
    inline ? '' : current,
    config,
  );
  return found
    .map((line) => (inline === undefined || line === files ? line : `${flag}=${line}`))
    .filter((line) => line === files || (line.startsWith(current) && isPlain(line)))
    .map((line) => line.split('\t').map(neutralise).join('\t'));
}

async function candidates(place: Place, current: string, config: Config): Promise<readonly string[]> {
  const { command, operands, option, flags } = place;
  const known = { flags, operands, config };
  if (option !== undefined) {
    return option.argChoices ?? (await valuesOf(option.attributeName(), command, { ...known, operands: [] }));
  }
  if (current.startsWith('-'))
    return optionsOf(command).map(({ long, short, description }) => `${long ?? short}\t${description}`);
  const below = command.commands.filter((child) => !isHidden(child));
  if (below.length > 0) return below.map((child) => `${child.name()}\t${child.description()}`);
  const { registeredArguments } = command;
  const wanted = registeredArguments[operands.length] ?? registeredArguments.findLast(({ variadic }) => variadic);
  return wanted === undefined ? [] : (wanted.argChoices ?? (await valuesOf(wanted.name(), command, known)));
}

function placeOf(program: Command, words: readonly string[]): Place {
  const operands: string[] = [];
  const flags = new Map<string, string>();
  let command = program;
  let option: Option | undefined;
  for (const word of words.filter((each) => each !== '=')) {
    if (option !== undefined) {
      flags.set(option.attributeName(), word);
      option = undefined;
    } else if (word.startsWith('-')) {
      const [name, value] = word.split(/=(.*)/s);
      const named = optionsOf(command).find(({ long, short }) => long === name || short === name);
      if (named !== undefined && value !== undefined) flags.set(named.attributeName(), value);
      else if (named !== undefined && (named.required || named.optional)) option = named;
    } else {
      const child = operands.length === 0 ? command.commands.find((each) => each.name() === word) : undefined;
      if (child === undefined) operands.push(word);
      else command = child;
    }
  }
  return { command, operands, flags, ...(option !== undefined && { option }) };
}

/** Its own flags and those of the commands above it. */
function optionsOf(command: Command): readonly Option[] {
  const own = command.options.filter(({ hidden }) => !hidden);
  return command.parent === null ? own : [...own, ...optionsOf(command.parent)];
}

function isHidden(command: Command): boolean {
  return command.name().startsWith('__');
}

interface Context {
  readonly flags: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
  readonly config: Config;
}

/** By what the argument is called in its command: the names are the same everywhere. */
async function valuesOf(
  name: string,
  command: Command,
  { flags, operands, config }: Context,
): Promise<readonly string[]> {
  if (/^(file|source|archive|path|folder|socket|address|project|stateDir|output)$/.test(name)) return [files];
  const component = flags.get('component') ?? operands[0];
  const ask = async (kind: Known): Promise<readonly string[]> =>
    await (await import('./complete-ids.ts')).idsOf(kind, config, component);
  if (name === 'target') return [...(await ask('component')), files];
  if (name === 'id' && command.parent?.name() === 'config') return await ask('config');
  const kind = kinds[name];
  return kind === undefined ? [] : await ask(kind);
}

const kinds: Readonly<Record<string, Known>> = {
  component: 'component',
  config: 'config',
  row: 'row',
  table: 'table',
  bucket: 'bucket',
  job: 'job',
  reference: 'image',
  references: 'image',
};

/** Nothing of it means anything to a shell. */
function isPlain(line: string): boolean {
  return /^[A-Za-z0-9_.,:@/+=-]+$/.test(line.split('\t')[0] ?? '');
}
