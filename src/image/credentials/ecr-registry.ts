/** A registry of AWS, as its name tells. */
export interface EcrRegistry {
  readonly region: string;
  /** Where the API is that gives out its passwords. */
  readonly endpoint: URL;
}

const pattern = /^\d{12}\.dkr\.ecr(-fips)?\.([a-z0-9]+(?:-[a-z0-9]+)+)\.amazonaws\.com(\.cn)?$/;

/** `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, with `.cn` in China and `ecr-fips` where that is asked for. */
export function parseEcrRegistry(host: string): EcrRegistry | undefined {
  const [, fips = '', region, china = ''] = pattern.exec(host) ?? [];
  return region === undefined ? undefined : { region, endpoint: ecrEndpoint(region, { fips, china }) };
}

/** The public API of a region. */
export function ecrEndpoint(region: string, { fips = '', china = '' } = {}): URL {
  const suffix = china || region.startsWith('cn-') ? '.cn' : '';
  return new URL(`https://${fips === '' ? 'api.ecr' : 'ecr-fips'}.${region}.amazonaws.com${suffix}`);
}
