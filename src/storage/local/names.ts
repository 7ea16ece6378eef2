import { type Problem, UserError } from '../../base/errors.ts';

export interface TableName {
  readonly id: string;
  readonly stage: string;
  /** `in.c-shop` */
  readonly bucket: string;
  /** `c-shop` */
  readonly bucketName: string;
  /** `orders` */
  readonly name: string;
}

const idPattern = /^(in|out|sys)\.([A-Za-z0-9_-]{1,96})\.([A-Za-z0-9_-]{1,96})$/;

/** Takes a table id apart. @throws UserError when it is none: `in`, `out` or `sys`, then bucket and table of letters, digits, `_` and `-` */
export function tableName(id: string): TableName {
  const match = idPattern.exec(id);
  const [, stage = '', bucketName = '', name = ''] = match ?? [];
  const message = tableIdMistake(id, match, bucketName, name);
  if (message === undefined) return { id, stage, bucket: `${stage}.${bucketName}`, bucketName, name };
  const problem: Problem = { source: id, message, hint: 'A table id reads like in.c-shop.orders.' };
  throw new UserError(`${JSON.stringify(id)} is not a table id: ${message}`, { problems: [problem] });
}

function tableIdMistake(id: string, match: RegExpExecArray | null, bucket: string, name: string): string | undefined {
  if (match !== null) {
    if (!/^c-[A-Za-z0-9]/.test(bucket) && !match[0].startsWith('sys.')) return 'the bucket must start with "c-"';
    return /^[A-Za-z0-9_]/.test(name) ? undefined : 'the table must start with a letter or digit';
  }
  const parts = id.split('.');
  if (parts.length !== 3) return 'it needs three parts, stage.bucket.table';
  if (!['in', 'out', 'sys'].includes(parts[0] as string)) return 'the stage must be in, out or sys';
  return 'bucket and table consist of 1 to 96 letters, digits, "_" and "-"';
}
