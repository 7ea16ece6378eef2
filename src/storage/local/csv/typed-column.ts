import { type Canonical, type ColumnType, canonicalValue, typeOf, typeText } from '../../../base/column-types.ts';
import { ColumnBuffer } from '../parquet/column-buffer.ts';
import { RecordFault } from './scanner.ts';

/** How the columns of a load are typed. Plain data. */
export interface Typing {
  /** By column. */
  readonly types: Readonly<Record<string, ColumnType>>;
  /** An empty value of a type other than STRING stands for "no value"; else it fits no such type. */
  readonly emptyIsNull: boolean;
}

/** Where the values of one column go. */
export interface ValueSink {
  append(source: Uint8Array, from: number, to: number): void;
  endValue(): void;
  take(): Buffer;
}

/** No value of another type than STRING is longer, in bytes. */
const longest = 1024;
const shownCharacters = 40;

/** What takes the values of these columns, typed where a type is given. */
export function valueSinks(columns: readonly string[], typing: Typing | undefined): readonly ValueSink[] {
  return columns.map((column) => {
    const type = typeOf(typing?.types, column);
    const isPlain = type === undefined || (type.base === 'STRING' && (type.length ?? '') === '');
    return isPlain ? new ColumnBuffer() : new TypedColumn(column, type, typing?.emptyIsNull ?? true);
  });
}

/** Checks every value against a type and keeps its canonical text. @throws RecordFault naming column, type and value, at the value's place */
class TypedColumn implements ValueSink {
  readonly #values = new ColumnBuffer();
  readonly #column: string;
  readonly #type: ColumnType;
  readonly #emptyIsNull: boolean;
  readonly #canonical: Canonical;
  /** In bytes: beyond it nothing has to be kept to know that a value does not fit. */
  readonly #longest: number;
  /** The value that is being read. */
  #text = Buffer.allocUnsafe(64);
  #bytes = 0;

  constructor(column: string, type: ColumnType, emptyIsNull: boolean) {
    this.#column = column;
    this.#type = type;
    this.#emptyIsNull = emptyIsNull;
    this.#canonical = canonicalValue(type);
    this.#longest = type.base === 'STRING' ? 4 * Number(type.length) : longest;
  }

  append(source: Uint8Array, from: number, to: number): void {
    const length = this.#bytes + to - from;
    if (length > this.#text.length) {
      const grown = Buffer.allocUnsafe(2 * length);
      this.#text.copy(grown, 0, 0, this.#bytes);
      this.#text = grown;
    }
    this.#text.set(source.subarray(from, to), this.#bytes);
    this.#bytes = length;
    if (length > this.#longest) this.#refuse(this.#text.toString('utf8', 0, length));
  }

  endValue(): void {
    const text = this.#text.toString('utf8', 0, this.#bytes);
    const isNull = text === '' && this.#type.base !== 'STRING';
    if (isNull && !(this.#type.nullable && this.#emptyIsNull)) this.#refuse(text);
    const canonical = isNull ? '' : (this.#canonical(text) ?? this.#refuse(text));
    const bytes = canonical === text ? this.#text : Buffer.from(canonical);
    this.#values.append(bytes, 0, canonical === text ? this.#bytes : bytes.length);
    this.#values.endValue();
    this.#bytes = 0;
  }

  take(): Buffer {
    return this.#values.take();
  }

  #refuse(text: string): never {
    const about = `the column "${this.#column}" is ${typeText(this.#type)}`;
    if (text === '') throw new RecordFault(`${about}, and the value is empty`, 'field');
    const characters = Array.from(text.slice(0, 2 * shownCharacters + 2));
    const isLong = characters.length > shownCharacters;
    const shown = JSON.stringify(isLong ? `${characters.slice(0, shownCharacters).join('')}…` : text);
    throw new RecordFault(`${about}, and ${shown} does not fit`, 'field');
  }
}
