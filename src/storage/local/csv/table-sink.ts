import { RecordFault, type RecordSink } from './scanner.ts';
import type { ValueSink } from './typed-column.ts';

const rowGroupRows = 122_880;
const rowGroupBytes = 24 << 20;

export interface FullGroup {
  readonly columns: readonly Buffer[];
  readonly rows: number;
}

/** Sorts values into column buffers, and insists on the same number of values in every record. */
export class TableSink implements RecordSink {
  readonly #buffers: readonly ValueSink[];
  #full: FullGroup[] = [];
  #rows = 0;
  #column = 0;
  #size = 0;

  /** One sink for every column, in their order. */
  constructor(columns: readonly ValueSink[]) {
    this.#buffers = columns;
  }

  /** The row groups that are ready to be written; with `last` also the one that is not full. */
  takeGroups(last: boolean): readonly FullGroup[] {
    if (last && this.#rows > 0) this.#closeGroup();
    const taken = this.#full;
    this.#full = [];
    return taken;
  }

  bytes(source: Uint8Array, from: number, to: number): void {
    this.#size += to - from;
    (this.#buffers[this.#column] ?? this.#surplus()).append(source, from, to);
  }

  endField(): void {
    (this.#buffers[this.#column] ?? this.#surplus()).endValue();
    this.#column += 1;
  }

  endRecord(): void {
    const count = this.#buffers.length;
    if (this.#column !== count) {
      throw new RecordFault(`the record has ${values(this.#column)}, ${count} expected`, 'record');
    }
    this.#column = 0;
    this.#size += 4 * count;
    this.#rows += 1;
    if (this.#rows === rowGroupRows || this.#size >= rowGroupBytes) this.#closeGroup();
  }

  #closeGroup(): void {
    this.#full.push({ columns: this.#buffers.map((buffer) => buffer.take()), rows: this.#rows });
    this.#rows = 0;
    this.#size = 0;
  }

  #surplus(): never {
    throw new RecordFault(`the record has more values than the ${this.#buffers.length} expected`, 'field');
  }
}

function values(count: number): string {
  return count === 1 ? '1 value' : `${count} values`;
}
