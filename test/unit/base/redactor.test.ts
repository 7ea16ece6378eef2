import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { needlesOf } from '../../../src/base/needles.ts';
import { createRedactor, type Redactor } from '../../../src/base/redactor.ts';

function redact(redactor: Redactor, bytes: Buffer, cuts: readonly number[]): Buffer {
  const { push, flush } = redactor.stream();
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const parts = edges.slice(1).map((edge, index) => {
    const scratch = Buffer.from(bytes.subarray(edges[index], edge));
    const out = push(scratch);
    scratch.fill(0);
    return out;
  });
  return Buffer.concat([...parts, flush()]);
}

/** The same thing said slowly: every occurrence of every needle, overlapping ones joined. */
function redactSlowly(needles: readonly Buffer[], bytes: Buffer): string {
  const ranges: [number, number][] = [];
  for (const needle of needles) {
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1))
      ranges.push([at, at + needle.length]);
  }
  ranges.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const joined: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  let text = '';
  let from = 0;
  for (const [start, end] of joined) {
    text += `${bytes.toString('latin1', from, start)}[hidden]`;
    from = end;
  }
  return text + bytes.toString('latin1', from);
}

const tight = fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '/', '"'), minLength: 1, maxLength: 12 });
const anySecret = fc.oneof(tight, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }));

describe('redactor', () => {
  it('hides exactly the occurrences of the needles, however the text is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anySecret, { minLength: 1, maxLength: 6 }),
        fc.array(fc.oneof(fc.nat(500), tight), { maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (secrets, script, cuts) => {
          const needles = secrets.flatMap((secret) => needlesOf(secret));
          const text = Buffer.concat(
            script.map((part) =>
              typeof part === 'string' ? Buffer.from(part) : (needles[part % needles.length] ?? Buffer.alloc(0)),
            ),
          );
          const redactor = createRedactor(secrets);
          const expected = redactSlowly(needles, text);
          expect(redact(redactor, text, cuts).toString('latin1')).toBe(expected);
          expect(redact(redactor, text, Array.from(text.keys())).toString('latin1')).toBe(expected);
          for (const piece of expected.split('[hidden]')) {
            for (const needle of needles) expect(piece).not.toContain(needle.toString('latin1'));
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('hides a secret inside longer base64 at every alignment, in both alphabets', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 9 }),
        fc.string({ unit: 'grapheme', minLength: 8, maxLength: 40 }),
        fc.uint8Array({ maxLength: 9 }),
        (before, secret, after) => {
          const redactor = createRedactor([secret]);
          const whole = Buffer.concat([before, Buffer.from(secret), after]);
          for (const text of [whole.toString('base64'), whole.toString('base64url')]) {
            const shown = redactor.redactText(text);
            expect(shown).toContain('[hidden]');
            expect(shown.length - '[hidden]'.length).toBeLessThanOrEqual(
              Math.ceil(((before.length + after.length) * 8) / 6) + 6,
            );
          }
        },
      ),
    );
  });

  it.each([
    ['as it is', 'pa/ss "ž\u{1f511}', 'pa/ss "ž\u{1f511}'],
    ['as JavaScript writes JSON', 'pa/ss "ž\u{1f511}', 'pa/ss \\"ž\u{1f511}'],
    ['as PHP writes JSON', 'pa/ss "ž\u{1f511}', 'pa\\/ss \\"\\u017e\\ud83d\\udd11'],
    ['as Python writes JSON', 'pa/ss "ž\u{1f511}', 'pa/ss \\"\\u017e\\ud83d\\udd11'],
    ['with upper case escapes', 'pa/ss "ž\u{1f511}', 'pa/ss \\"\\u017E\\uD83D\\uDD11'],
    ['as JSON in JSON', 'pa/ss "ž', 'pa/ss \\\\\\"ž'],
    ['as encodeURIComponent writes it', "a b/c!'(ž)", encodeURIComponent("a b/c!'(ž)")],
    ['as encodeURI writes it', 'a b/c?d=ž', encodeURI('a b/c?d=ž')],
    ['as a form writes it', "a b/c!'(ž)~", new URLSearchParams({ k: "a b/c!'(ž)~" }).toString().slice(2)],
    ['as rawurlencode writes it', "a b/c!'(ž)~", 'a%20b%2Fc%21%27%28%C5%BE%29~'],
    ['percent-encoded in lower case', 'a b/c', 'a%20b%2fc'],
    ['as Python quotes it', 'a b/c?', 'a%20b/c%3F'],
    ['without the newline at its end', 'topsecret\n', 'topsecret'],
  ])('hides a secret %s', (_name, secret, text) => {
    expect(createRedactor([secret]).redactText(`x=${text}&`)).toBe('x=[hidden]&');
  });

  it('hides the lines of a PEM block, and its base64 wrapped at 64 and 76', () => {
    const body = randomBytes(400)
      .toString('base64')
      .match(/.{1,64}/g) as string[];
    const pem = `-----BEGIN KEY-----\n${body.join('\n')}\n-----END KEY-----\n`;
    const redactor = createRedactor([pem]);
    expect(redactor.redactText(`key: ${pem}`)).toBe('key: [hidden]');
    for (const line of body.filter(({ length }) => length >= 8))
      expect(redactor.redactText(`| ${line} |`)).toBe('| [hidden] |');
    for (const width of [64, 76]) {
      const lines = Buffer.from(pem)
        .toString('base64')
        .match(new RegExp(`.{1,${width}}`, 'g')) as string[];
      for (const line of lines.slice(0, -1)) expect(redactor.redactText(line)).toBe('[hidden]');
    }
    expect(redactor.redactText('-----BEGIN KEY-----')).toBe('-----BEGIN KEY-----');
  });

  it('ignores empty and blank values and hides short ones only as a whole quoted value', () => {
    expect(createRedactor(['']).active).toBe(false);
    expect(createRedactor([' ', '     ']).active).toBe(false);
    expect(createRedactor(['22']).redactText('port 22, "22", \'22\', "220"')).toBe(
      'port 22, [hidden], [hidden], "220"',
    );
    expect(createRedactor(['2222']).redactText('port 22222')).toBe('port [hidden]');
  });

  it('leaves no end of a longer secret over when two overlap', () => {
    expect(createRedactor(['foobar', 'foobarbaz', 'bazinga']).redactText('foobarbazinga foobarba')).toBe(
      '[hidden] [hidden]ba',
    );
  });

  it('finds a secret inside the beginning of another one', () => {
    expect(createRedactor(['xabcdefgh', 'abcd', 'bcdxyz']).redactText('xabcdz xabcdxyz')).toBe('x[hidden]z x[hidden]');
  });

  it('holds nothing back once no secret can be going on', () => {
    const { push } = createRedactor(['s3cret-value']).stream();
    expect(push(Buffer.from('all done\n')).toString()).toBe('all done\n');
    expect(push(Buffer.from('it is s3cret')).toString()).toBe('it is ');
    expect(push(Buffer.from('s')).toString()).toBe('s3cret');
  });

  it('recognises a value of a megabyte by its head, hides as far as the text agrees, and stays small', () => {
    const secret = randomBytes(512 * 1024).toString('hex');
    const before = process.memoryUsage();
    const redactor = createRedactor([secret]);
    const { push } = redactor.stream();
    push(Buffer.from('warm'));
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(100 * 1024 * 1024);
    const text = Buffer.from(`<${secret}> <${secret.slice(0, 700_000)}!> <${secret.slice(0, 100)}>`);
    const expected = `<[hidden]> <[hidden]!> <${secret.slice(0, 100)}>`;
    expect(redact(redactor, text, []).toString()).toBe(expected);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (cuts) => {
        expect(redact(redactor, text, cuts).toString()).toBe(expected);
      }),
      { numRuns: 20 },
    );
    expect(redactor.redactText(Buffer.from(secret).toString('base64'))).toBe('[hidden]');
  });

  it('takes linear time on a long repetitive value', () => {
    const redactor = createRedactor(['a'.repeat(300_000)]);
    const started = performance.now();
    expect(redactor.redactText(`<${'a'.repeat(2_000_000)}>`)).toBe('<[hidden]>');
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('shortens the heads when there are many secrets, and refuses more than it can hide', () => {
    const secrets = Array.from({ length: 150 }, () => randomBytes(3_000).toString('base64'));
    expect(createRedactor(secrets).redactText(`<${secrets[149]}>`)).toBe('<[hidden]>');
    expect(() => createRedactor(Array.from({ length: 30_000 }, () => randomBytes(30).toString('base64')))).toThrow(
      'too many to hide',
    );
  });

  it('keeps memory constant over a hidden range without end', () => {
    const { push } = createRedactor(['aaaaaaaa']).stream();
    const chunk = Buffer.alloc(1 << 20, 'a');
    let printed = 0;
    for (let i = 0; i < 50; i += 1) printed += push(chunk).length;
    expect(printed).toBe('[hidden]'.length);
  });

  it('reads at least 50 MB/s with 20 secrets', () => {
    const secrets = Array.from({ length: 20 }, () => randomBytes(24).toString('base64'));
    const line = `${randomBytes(110).toString('base64').slice(0, 60)} an ordinary line of output, number 12345, with words and {"json":"inside"} and so on to two hundred bytes in all ${'.'.repeat(20)}\n`;
    const chunk = Buffer.from(line.repeat(Math.ceil(65_536 / line.length)));
    const { push } = createRedactor(secrets).stream();
    const started = performance.now();
    let bytes = 0;
    while (bytes < 200_000_000) {
      push(chunk);
      bytes += chunk.length;
    }
    const rate = bytes / 1000 / (performance.now() - started);
    console.info(`redaction: ${rate.toFixed(0)} MB/s`);
    expect(rate).toBeGreaterThan(50);
  });
});
