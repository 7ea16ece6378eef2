import { createHash } from 'node:crypto';
import { type Json, stringifyJson } from '../base/json.ts';
import type { ComponentDefinition } from './definition.ts';
import type { ProjectInfo, TokenInfo } from './storage.ts';

export interface EnvironmentOf {
  /** The component of this stage: a processor's own inside a processor. */
  readonly component: ComponentDefinition;
  /** The component of the job. */
  readonly main: ComponentDefinition;
  readonly runId: string;
  readonly project: ProjectInfo;
  readonly token: TokenInfo;
  readonly configId?: string;
  readonly configVersion: string;
  readonly rowId?: string;
  /** See `parametersId`; used when there is no configuration id. */
  readonly parametersId: string;
}

/**
 * The environment of one stage (contract 3.6), values verbatim. Without `KBC_TOKEN` and `KBC_URL`: they are added when the container is
 * made, because a token does not belong into a plan.
 */
export function stageEnvironment(given: EnvironmentOf): Readonly<Record<string, string>> {
  const { component, main, project, token, rowId } = given;
  return {
    KBC_RUNID: given.runId,
    KBC_PROJECTID: project.id,
    KBC_DATADIR: '/data/',
    KBC_CONFIGID: given.configId ?? given.parametersId,
    KBC_CONFIGVERSION: given.configVersion,
    KBC_COMPONENTID: component.id,
    KBC_STACKID: project.stackId,
    KBC_STAGING_FILE_PROVIDER: project.fileStorageProvider,
    KBC_PROJECT_FEATURE_GATES: project.features.join(','),
    KBC_COMPONENT_RUN_MODE: 'run',
    ...(project.features.includes('new-native-types') && { KBC_DATA_TYPE_SUPPORT: main.dataTypesSupport }),
    ...(rowId !== undefined && { KBC_CONFIGROWID: rowId }),
    ...(project.branchId !== '' && { KBC_BRANCHID: project.branchId }),
    ...(component.forwardTokenDetails && {
      KBC_PROJECTNAME: project.name,
      KBC_TOKENID: token.id,
      KBC_TOKENDESC: token.description,
    }),
  };
}

/** Stands for a configuration that has no id: equal parameters, decrypted, give an equal id. SHA-1 in hex (contract 3.6). */
export function parametersId(parameters: Json): string {
  return createHash('sha1').update(stringifyJson(parameters)).digest('hex');
}
