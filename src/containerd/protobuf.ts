/** The wire types of protobuf's encoding that this client speaks (protobuf.dev, "Encoding"). */
export const wireType = Object.freeze({ varint: 0, fixed64: 1, bytes: 2, fixed32: 5 });

const twoTo32 = 2 ** 32;

/** Writes protobuf's primitives into a buffer that grows. */
export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  tag(field: number, type: number): void {
    this.varint(field * 8 + type);
  }

  /** An integer from -2^63 to 2^64-1; negative ones in two's complement. @throws RangeError for anything else */
  varint(value: number): void {
    if (!Number.isInteger(value) || value < -(2 ** 63) || value >= 2 ** 64)
      throw new RangeError(`${value} is not a 64-bit integer`);
    let high = Math.floor(value / twoTo32);
    let low = value - high * twoTo32;
    high >>>= 0;
    this.#reserve(10);
    while (high > 0 || low > 127) {
      this.#buffer[this.#length++] = (low & 127) | 128;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#buffer[this.#length++] = low;
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  string(value: string): void {
    const size = Buffer.byteLength(value);
    this.varint(size);
    this.#reserve(size);
    this.#length += this.#buffer.write(value, this.#length);
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Reads protobuf's primitives. Every method throws RangeError when the bytes end too early or cannot be what was asked for. */
export class ProtobufReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length;
  }

  tag(): { field: number; type: number } {
    const tag = this.unsigned();
    return { field: Math.floor(tag / 8), type: tag % 8 };
  }

  /** Exact up to 2^53, the nearest double above. */
  unsigned(): number {
    const [low, high] = this.#words();
    return high * twoTo32 + low;
  }

  /** Exact between -2^53 and 2^53, the nearest double outside. */
  signed(): number {
    const [low, high] = this.#words();
    return (high | 0) * twoTo32 + low;
  }

  /** A view of the bytes, not a copy. */
  bytes(): Buffer {
    const size = this.unsigned();
    this.#advance(size);
    return this.#buffer.subarray(this.#at - size, this.#at);
  }

  string(): string {
    return this.bytes().toString('utf8');
  }

  skip(type: number): void {
    if (type === wireType.varint) this.unsigned();
    else if (type === wireType.bytes) this.bytes();
    else if (type === wireType.fixed64) this.#advance(8);
    else if (type === wireType.fixed32) this.#advance(4);
    else throw new RangeError(`wire type ${type} at byte ${this.#at} is none of proto3's`);
  }

  #words(): [low: number, high: number] {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw new RangeError('the message ends within a number');
      const bits = byte & 127;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 128) return [low >>> 0, high >>> 0];
    }
    throw new RangeError(`the number before byte ${this.#at} is longer than 64 bits`);
  }

  #advance(size: number): void {
    if (this.#at + size > this.#buffer.length)
      throw new RangeError(`the message ends ${this.#at + size - this.#buffer.length} bytes early`);
    this.#at += size;
  }
}
