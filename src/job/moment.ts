const units = { second: 1, sec: 1, minute: 60, min: 60, hour: 3_600, day: 86_400, week: 604_800 } as const;
const relativePattern = /^([+-]?\s*\d{1,9})\s*(second|sec|minute|min|hour|day|week|month|year)s?(\s+ago)?$/i;
const absolutePattern = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * The moment that a mapping's `changed_since` means, as ISO 8601 in UTC: an ISO date or time (UTC unless it says otherwise), a Unix time
 * in seconds, `now`, `today`, `yesterday`, or relative as `-2 days` and `3 weeks ago`. `undefined` when it is none of these.
 */
export function parseMoment(text: string, now: Date): string | undefined {
  const trimmed = text.trim();
  const time =
    unixTime(trimmed) ?? namedTime(trimmed.toLowerCase(), now) ?? relativeTime(trimmed, now) ?? absoluteTime(trimmed);
  if (time === undefined || !(Math.abs(time) <= 8.64e15)) return undefined;
  return new Date(time).toISOString();
}

function unixTime(text: string): number | undefined {
  return /^@?\d{1,12}$/.test(text) ? Number(text.replace('@', '')) * 1000 : undefined;
}

function namedTime(text: string, now: Date): number | undefined {
  const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  if (text === 'now') return now.getTime();
  if (text === 'today' || text === 'midnight') return midnight;
  return text === 'yesterday' ? midnight - 86_400_000 : undefined;
}

function relativeTime(text: string, now: Date): number | undefined {
  const [, count, unitText, ago] = relativePattern.exec(text) ?? [];
  if (count === undefined || unitText === undefined) return undefined;
  const unit = unitText.toLowerCase();
  const amount = Number(count.replace(/\s/g, '')) * (ago === undefined ? 1 : -1);
  if (unit === 'month' || unit === 'year') {
    const moved = new Date(now);
    moved.setUTCMonth(moved.getUTCMonth() + amount * (unit === 'year' ? 12 : 1));
    return moved.getTime();
  }
  return now.getTime() + amount * units[unit as keyof typeof units] * 1000;
}

function absoluteTime(text: string): number | undefined {
  if (!absolutePattern.test(text)) return undefined;
  const iso = text
    .replace(' ', 'T')
    .replace(/\s+/g, '')
    .replace(/([+-]\d{2})(\d{2})$/, '$1:$2');
  const hasZone = /(Z|[+-]\d{2}:\d{2})$/.test(iso) && iso.includes('T');
  const time = Date.parse(iso.includes('T') && !hasZone ? `${iso}Z` : iso);
  return Number.isNaN(time) ? undefined : time;
}
