import type { Command } from 'commander';

/** Flags of whatever loads CSV. */
export function importFlags(command: Command): Command {
  return command
    .option('--primary-key <columns>', "comma-separated; the table's own by default")
    .option('--incremental', 'add to the table instead of replacing it')
    .option('--delimiter <character>', 'between values', ',')
    .option('--enclosure <character>', 'around values', '"');
}

/** Flags of whatever writes a table. */
export function exportFlags(command: Command): Command {
  return command
    .option('-o, --output <path>', 'a file that does not exist yet')
    .option('--columns <columns>', 'comma-separated, in this order')
    .option('--where <condition>', 'column=value or column!=value; several for several values', repeated, [])
    .option('--changed-since <moment>', 'only rows of loads since then: a date, a time, or "-2 days"')
    .option('--limit <rows>', 'only so many rows');
}

/** For flags that may be given several times. */
export function repeated(value: string, all: readonly string[]): readonly string[] {
  return [...all, value];
}
