const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const number = '(?:\\d+\\.?\\d*|\\.\\d+)';
const whole = new RegExp(`^\\+?(?:${number}(?:ns|us|µs|μs|ms|s|m|h))+$`);
const part = new RegExp(`(${number})(ns|us|µs|μs|ms|s|m|h)`, 'g');

/** Milliseconds of a positive duration as Go's `time.ParseDuration` reads it (`1m30s`, `1.5h`); `undefined` when it is none. */
export function parseDuration(text: string): number | undefined {
  if (text.length > 64 || !whole.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit = ''] of text.matchAll(part)) ms += Number(count) * (unitMs[unit] ?? 0);
  return ms > 0 ? ms : undefined;
}
