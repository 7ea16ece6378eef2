import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { CompactWriter } from './thrift.ts';

const magic = Buffer.from('PAR1');
const byteArray = 6;
const utf8 = 0;
const plain = 0;
const runLength = 3;
const zstd = 6;

const compress = promisify(zstdCompress);
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

interface Chunk {
  readonly offset: number;
  readonly plainBytes: number;
  readonly bytes: number;
}

interface RowGroup {
  readonly rows: number;
  readonly chunks: readonly Chunk[];
}

/**
 * Writes a Parquet file of text columns named `c0`, `c1`, …, none of them null: one PLAIN page, compressed with zstd, for every column
 * of a row group. Source: apache/parquet-format README.md, Encodings.md and parquet.thrift.
 */
export class ParquetWriter implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #columns: number;
  readonly #groups: RowGroup[] = [];
  #offset = 0;

  private constructor(file: FileHandle, columns: number) {
    this.#file = file;
    this.#columns = columns;
  }

  /** The file must not exist yet. */
  static async create(path: string, columns: number): Promise<ParquetWriter> {
    const writer = new ParquetWriter(await open(path, 'wx', 0o600), columns);
    await writer.#write(magic);
    return writer;
  }

  /** Writes one row group: for every column its values as `ColumnBuffer.take` gives them. */
  async rowGroup(columns: readonly Buffer[], rows: number): Promise<void> {
    const chunks: Chunk[] = [];
    // Two at a time: enough for two cores, and bounded memory however many columns there are.
    for (let first = 0; first < columns.length; first += 2) {
      const pages = columns.slice(first, first + 2);
      const packed = await Promise.all(pages.map((page) => compress(page, compression)));
      for (const [index, page] of pages.entries()) chunks.push(await this.#page(page, packed[index] as Buffer, rows));
    }
    this.#groups.push({ rows, chunks });
  }

  /** Writes the footer and makes the file durable; returns its size in bytes. */
  async finish(): Promise<number> {
    const footer = this.#footer();
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    await this.#write(Buffer.concat([footer, length, magic]));
    await this.#file.sync();
    return this.#offset;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #page(page: Buffer, packed: Buffer, rows: number): Promise<Chunk> {
    const header = new CompactWriter();
    header.int32(1, 0).int32(2, page.length).int32(3, packed.length);
    header.struct(5, () => header.int32(1, rows).int32(2, plain).int32(3, runLength).int32(4, runLength));
    const head = header.finish();
    const offset = this.#offset;
    await this.#write(head);
    await this.#write(packed);
    return { offset, plainBytes: head.length + page.length, bytes: head.length + packed.length };
  }

  #footer(): Buffer {
    const footer = new CompactWriter();
    const names = Array.from({ length: this.#columns }, (_, index) => `c${index}`);
    footer.int32(1, 1);
    footer.structs(2, ['', ...names], (name) => {
      if (name === '') footer.text(4, 'table').int32(5, this.#columns);
      else {
        footer.int32(1, byteArray).int32(3, 0).text(4, name).int32(6, utf8);
        footer.struct(10, () => footer.struct(1, () => undefined));
      }
    });
    footer.int64(
      3,
      this.#groups.reduce((rows, group) => rows + group.rows, 0),
    );
    footer.structs(4, this.#groups, ({ rows, chunks }) => {
      footer.structs(1, Array.from(chunks.entries()), ([column, chunk]) => {
        footer.int64(2, chunk.offset);
        footer.struct(3, () => {
          footer
            .int32(1, byteArray)
            .int32s(2, [plain, runLength])
            .texts(3, [`c${column}`])
            .int32(4, zstd);
          footer.int64(5, rows).int64(6, chunk.plainBytes).int64(7, chunk.bytes).int64(9, chunk.offset);
        });
      });
      footer
        .int64(
          2,
          chunks.reduce((bytes, chunk) => bytes + chunk.plainBytes, 0),
        )
        .int64(3, rows);
    });
    return footer.text(6, 'componentd').finish();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#file.write(bytes, done, bytes.length - done, this.#offset + done)).bytesWritten;
    }
    this.#offset += bytes.length;
  }
}
