import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const names = [
  'Zdeněk Novák',
  'Łucja Żak',
  'Ana "Nina" Souza',
  '佐藤 さくら',
  "Siobhán O'Neill",
  'Müller, Jörg',
  'Ελένη Δούκα',
  'Ivan Petrov',
];
const notes = [
  '',
  'gift',
  'call first,\nthen deliver',
  'says "urgent"',
  'fragile 🍷',
  'second floor\r\nleft door',
  'NULL',
  '007',
];
const currencies = ['CZK', 'EUR', 'USD', 'PLN', 'GBP', 'JPY', 'CHF', 'XTS'];

/** Writes `rows` orders as CSV (RFC 4180): quotes, line breaks and commas in values, text beyond ASCII. The same number gives the same bytes. */
export async function writeOrders(path: string, rows: number): Promise<void> {
  const temporary = `${path}.part`;
  try {
    await pipeline(Readable.from(orders(rows)), createWriteStream(temporary));
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function* orders(rows: number): Generator<string> {
  const pick = randomNumbers(20_261_120);
  let chunk = 'order_id,ordered_at,currency,amount,customer,note\n';
  for (let id = 1; id <= rows; id += 1) {
    const when = new Date(Date.UTC(2026, 0, 1) + pick(300 * 86_400) * 1000).toISOString().slice(0, 19);
    const amount = `${pick(2000)}.${String(pick(100)).padStart(2, '0')}`;
    const values = [`O-${id}`, when, oneOf(currencies, pick), amount, oneOf(names, pick), oneOf(notes, pick)];
    chunk += `${values.map(quoted).join(',')}\n`;
    if (chunk.length > 65_536) {
      yield chunk;
      chunk = '';
    }
  }
  yield chunk;
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function oneOf(values: readonly string[], pick: (below: number) => number): string {
  return values[pick(values.length)] ?? '';
}

/** A linear congruential generator: small, fast and the same everywhere. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
