/** Types a column can have; what each takes and how it is written back is told by `canonicalValue`. */
export const baseTypes = ['STRING', 'INTEGER', 'NUMERIC', 'FLOAT', 'BOOLEAN', 'DATE', 'TIMESTAMP'] as const;
export type BaseType = (typeof baseTypes)[number];

/** What a database by its name calls a column's type. */
export interface NativeType {
  readonly type: string;
  readonly length?: string;
  readonly default?: string;
}

/** The type of a column in a typed table. Plain data. */
export interface ColumnType {
  readonly base: BaseType;
  /** STRING: the most characters. NUMERIC: `precision` or `precision,scale`. Of other types it says nothing. */
  readonly length?: string;
  /** Kept and given to readers; never filled in. */
  readonly default?: string;
  /** Whether an empty value may stand for "no value". Texts are never null: their empty value is a text. */
  readonly nullable: boolean;
  /** Types of other databases by their names, as the author gave them; kept, not acted on. */
  readonly native?: Readonly<Record<string, NativeType>>;
}

/** Types by column; a column that is not there is text. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>;

/** A column's type; `undefined` for text without limits. Column names may be those of Object's own methods. */
export function typeOf(types: ColumnTypes | undefined, column: string): ColumnType | undefined {
  return types !== undefined && Object.hasOwn(types, column) ? types[column] : undefined;
}

const maxPrecision = 76;
const defaultPrecision = 38;

/** The type of this name, in any letter case. */
export function baseTypeOf(name: string): BaseType | undefined {
  return baseTypes.find((type) => type === name.toUpperCase());
}

/** What is wrong with a type's length; `undefined` when nothing is. */
export function lengthComplaint({ base, length }: Pick<ColumnType, 'base' | 'length'>): string | undefined {
  if (length === undefined || length === '') return undefined;
  if (base === 'STRING' && !/^[1-9]\d{0,9}$/.test(length)) return `"${length}" is not a number of characters`;
  if (base !== 'NUMERIC') return undefined;
  const [, precision = '', scale = '0'] = /^([1-9]\d?)(?:, ?(\d{1,2}))?$/.exec(length) ?? [];
  if (precision === '') return `"${length}" is not a precision and scale like "38,2"`;
  if (Number(precision) > maxPrecision) return `a precision of ${precision} is more than ${maxPrecision}`;
  return Number(scale) > Number(precision) ? `the scale of "${length}" is larger than its precision` : undefined;
}

/** True when both mean the same to a loader; what is only kept for other databases does not count. */
export function isSameType(one: ColumnType | undefined, other: ColumnType | undefined): boolean {
  const text: ColumnType = { base: 'STRING', nullable: true };
  const [left, right] = [one ?? text, other ?? text];
  const isText = left.base === 'STRING' && right.base === 'STRING';
  return (
    left.base === right.base && lengthText(left) === lengthText(right) && (isText || left.nullable === right.nullable)
  );
}

/** `NUMERIC(38,2) not null`, as people read it. */
export function typeText(type: ColumnType | undefined): string {
  if (type === undefined) return 'STRING';
  const length = lengthText(type);
  return `${type.base}${length === '' ? '' : `(${length})`}${type.nullable ? '' : ' not null'}`;
}

function lengthText({ base, length = '' }: ColumnType): string {
  return base === 'STRING' || base === 'NUMERIC' ? length.replace(' ', '') : '';
}

/** A function that gives a value's canonical text, or `undefined` for one that does not fit. Empty values are not its business. */
export type Canonical = (text: string) => string | undefined;

/**
 * How values of a type are read and written back:
 *
 * - STRING: itself.
 * - INTEGER: digits with an optional sign, 38 at most; without leading zeros and plus.
 * - NUMERIC: digits with an optional sign and point, no exponent; with a length exactly `scale` digits behind the point, else as many as
 *   are needed. More digits than fit are refused, never rounded.
 * - FLOAT: a number with an optional exponent, `NaN`, `Infinity`; the shortest text of the nearest double.
 * - BOOLEAN: true, t, yes, y, on, 1 and false, f, no, n, off, 0 in any letter case; `true` and `false`.
 * - DATE: a day of the calendar, `2024-02-29`.
 * - TIMESTAMP: day, blank or `T`, time down to at most nanoseconds, optional zone: `2024-02-29 07:05:00.5+01:00`. A day alone is its midnight.
 */
export function canonicalValue(type: Pick<ColumnType, 'base' | 'length'>): Canonical {
  switch (type.base) {
    case 'STRING':
      return stringOf(type.length);
    case 'INTEGER':
      return (text) => decimal(text, defaultPrecision, 0);
    case 'NUMERIC':
      return numericOf(type.length);
    case 'FLOAT':
      return float;
    case 'BOOLEAN':
      return (text) => booleans.get(text.toLowerCase());
    case 'DATE':
      return (text) => (/^\d{4}-\d\d-\d\d$/.test(text) && isDay(text) ? text : undefined);
    case 'TIMESTAMP':
      return timestamp;
  }
}

function stringOf(length: string | undefined): Canonical {
  const most = length === undefined || length === '' ? Number.POSITIVE_INFINITY : Number(length);
  // A character outside the basic plane is two units; only what may be too long is counted.
  return (text) => (text.length <= most || Array.from(text).length <= most ? text : undefined);
}

function numericOf(length: string | undefined): Canonical {
  if (length === undefined || length === '') return (text) => decimal(text, defaultPrecision, undefined);
  const [precision = '', scale = '0'] = length.split(',');
  return (text) => decimal(text, Number(precision), Number(scale));
}

/** `scale` undefined: as many digits behind the point as there are. */
function decimal(text: string, precision: number, scale: number | undefined): string | undefined {
  const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text) ?? /^([+-]?)()\.(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, sign, digits = '', fraction = ''] = match;
  const whole = digits.replace(/^0+/, '');
  const rest = fraction.replace(/0+$/, '');
  if (rest.length > (scale ?? precision) || whole.length > precision - (scale ?? rest.length)) return undefined;
  const behind = scale === undefined ? rest : rest.padEnd(scale, '0');
  const number = `${whole === '' ? '0' : whole}${behind === '' ? '' : `.${behind}`}`;
  return sign === '-' && /[1-9]/.test(number) ? `-${number}` : number;
}

function float(text: string): string | undefined {
  const special = /^([+-]?)(?:inf(?:inity)?)$/i.exec(text);
  if (special !== null) return special[1] === '-' ? '-Infinity' : 'Infinity';
  if (/^nan$/i.test(text)) return 'NaN';
  if (text.length > 400 || !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,6})?$/i.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? String(number) : undefined;
}

const booleans: ReadonlyMap<string, string> = new Map([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((word) => [word, 'true'] as const),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((word) => [word, 'false'] as const),
]);

const momentPattern =
  /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?: ?(Z|[+-]\d\d(?::?\d\d)?))?)?$/i;

function timestamp(text: string): string | undefined {
  const [, day = '', hours = '00', minutes = '00', seconds = '00', fraction = '', zone = ''] =
    momentPattern.exec(text) ?? [];
  if (day === '' || !isDay(day) || hours > '23' || minutes > '59' || seconds > '59') return undefined;
  const offset = zoneOf(zone);
  if (offset === undefined) return undefined;
  const behind = fraction.replace(/0+$/, '');
  return `${day} ${hours}:${minutes}:${seconds}${behind === '' ? '' : `.${behind}`}${offset}`;
}

function zoneOf(zone: string): string | undefined {
  if (zone === '') return '';
  if (/^z$/i.test(zone)) return '+00:00';
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  if (digits.slice(0, 2) > '18' || digits.slice(2) > '59') return undefined;
  return `${digits === '0000' ? '+' : zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`;
}

/** A day that the calendar has, from year 1. */
function isDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.split('-').map(Number);
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return day <= days;
}
