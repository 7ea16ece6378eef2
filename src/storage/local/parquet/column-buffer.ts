/** The values of one column of a row group, as Parquet's PLAIN encoding of byte arrays: four bytes of length (little endian), then the bytes. */
export class ColumnBuffer {
  #data = Buffer.allocUnsafeSlow(4096);
  #valueStart = 0;
  #length = 4;

  /** Adds bytes to the value that is being written. */
  append(source: Uint8Array, from: number, to: number): void {
    const count = to - from;
    if (this.#length + count > this.#data.length) this.#grow(this.#length + count);
    const data = this.#data;
    let length = this.#length;
    if (count < 48) for (let at = from; at < to; at += 1) data[length++] = source[at] as number;
    else {
      data.set(source.subarray(from, to), length);
      length += count;
    }
    this.#length = length;
  }

  /** Ends the value and begins the next. */
  endValue(): void {
    const start = this.#valueStart;
    const size = this.#length - start - 4;
    const data = this.#data;
    data[start] = size & 0xff;
    data[start + 1] = (size >>> 8) & 0xff;
    data[start + 2] = (size >>> 16) & 0xff;
    data[start + 3] = size >>> 24;
    this.#valueStart = this.#length;
    if (this.#length + 4 > data.length) this.#grow(this.#length + 4);
    this.#length += 4;
  }

  /** The finished values; the buffer is empty afterwards, and as large as what was taken: row groups are alike. */
  take(): Buffer {
    const taken = this.#data.subarray(0, this.#valueStart);
    this.#data = Buffer.allocUnsafeSlow(Math.max(4096, this.#valueStart + 4));
    this.#valueStart = 0;
    this.#length = 4;
    return taken;
  }

  #grow(least: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(least, this.#data.length * 2));
    this.#data.copy(grown, 0, 0, this.#length);
    this.#data = grown;
  }
}
