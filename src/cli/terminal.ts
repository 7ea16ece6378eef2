import { type Config, columnsWished } from '../config.ts';

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Columns that a line may take: those of a terminal, as it or `COLUMNS` says; a pipe or a file gets everything. */
export function lineWidth(stream: Stream = process.stdout): number {
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY;
  return columnsWished() ?? (stream.columns || 80);
}

/** Whether to colour what goes there. */
export function isColoured({ color }: Pick<Config, 'color'>, stream: Stream): boolean {
  return color === 'always' || (color === 'auto' && stream.isTTY === true);
}
