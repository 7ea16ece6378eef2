/** The Thrift compact protocol, as much of it as a Parquet file's headers need. Source: Apache Thrift, thrift-compact-protocol.md. */
export class CompactWriter {
  readonly #bytes: number[] = [];
  readonly #outer: number[] = [];
  #lastField = 0;

  int32(field: number, value: number): this {
    this.#header(field, 5);
    this.#zigzag(value);
    return this;
  }

  int64(field: number, value: number): this {
    this.#header(field, 6);
    this.#zigzag(value);
    return this;
  }

  text(field: number, value: string): this {
    this.#header(field, 8);
    this.#binary(value);
    return this;
  }

  struct(field: number, write: () => void): this {
    this.#header(field, 12);
    this.#nested(write);
    return this;
  }

  structs<T>(field: number, items: readonly T[], write: (item: T) => void): this {
    this.#list(field, items.length, 12);
    for (const item of items) this.#nested(() => write(item));
    return this;
  }

  int32s(field: number, items: readonly number[]): this {
    this.#list(field, items.length, 5);
    for (const item of items) this.#zigzag(item);
    return this;
  }

  texts(field: number, items: readonly string[]): this {
    this.#list(field, items.length, 8);
    for (const item of items) this.#binary(item);
    return this;
  }

  /** The outermost struct, closed. */
  finish(): Buffer {
    this.#bytes.push(0);
    return Buffer.from(this.#bytes);
  }

  #nested(write: () => void): void {
    this.#outer.push(this.#lastField);
    this.#lastField = 0;
    write();
    this.#bytes.push(0);
    this.#lastField = this.#outer.pop() ?? 0;
  }

  #header(field: number, type: number): void {
    this.#bytes.push(((field - this.#lastField) << 4) | type);
    this.#lastField = field;
  }

  #list(field: number, length: number, type: number): void {
    this.#header(field, 9);
    if (length < 15) this.#bytes.push((length << 4) | type);
    else {
      this.#bytes.push(0xf0 | type);
      this.#varint(length);
    }
  }

  #binary(value: string): void {
    const bytes = Buffer.from(value);
    this.#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
  }

  /** Values here are never negative: zigzag only doubles them. */
  #zigzag(value: number): void {
    this.#varint(value * 2);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes.push((rest % 0x80) | 0x80);
    this.#bytes.push(rest);
  }
}
