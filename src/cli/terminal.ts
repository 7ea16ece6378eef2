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

const codes = { red: 31, green: 32, yellow: 33, grey: 90 } as const;

export type Colour = keyof typeof codes;

/** The text between the codes that begin and end the colour (ECMA-48 SGR). */
export function painted(text: string, colour: Colour): string {
  return `\x1b[${codes[colour]}m${text}\x1b[39m`;
}
