import type { Config } from '../config.ts';
import type { CredentialSource } from '../image/types.ts';

/** The secrets of the configuration's tenant, for one process that serves it. Nothing is loaded before a registry wants one. */
export function tenantCredentials({ images, searchPath, credentialEnvironment }: Config): CredentialSource {
  const { credentials: settings, dockerConfig } = images;
  let opening: Promise<CredentialSource> | undefined;
  const open = async (): Promise<CredentialSource> => {
    const { openCredentials } = await import('../image/credentials/sources.ts');
    return openCredentials({
      searchPath,
      environment: credentialEnvironment,
      ...(settings && { settings }),
      ...(dockerConfig !== undefined && { dockerConfig }),
    });
  };
  return {
    find: async (query) => {
      opening ??= open();
      return (await opening).find(query);
    },
  };
}
