import type { Json, JsonObject } from '../base/json.ts';
import { mapSecrets, secretText } from '../base/secrets.ts';
import { orEmptyObject } from './configuration.ts';

export interface MainConfigFile {
  /** `NormalConfiguration.document`. */
  readonly document: JsonObject;
  readonly imageParameters: Json;
  readonly action: string;
  /** `runtime.backend.context`. */
  readonly context?: string;
}

/** Content of config.json for the main image (contract 3.4); `#` values are as they were given, encrypted or not. */
export function mainConfigFile({ document, imageParameters, action, context }: MainConfigFile): JsonObject {
  const content = new Map(document);
  content.delete('runtime');
  content.delete('processors');
  content.set('action', action);
  for (const key of ['storage', 'parameters'] as const) content.set(key, orEmptyObject(content.get(key)));
  content.set('image_parameters', orEmptyObject(imageParameters));
  // What is stored there does not get through: workspace and context are the runner's to give.
  content.set('authorization', context === undefined ? new Map() : new Map([['context', context]]));
  if (!content.has('shared_code_row_ids')) content.set('shared_code_row_ids', []);
  return content;
}

/** Content of config.json for a processor (contract 3.5). */
export function processorConfigFile(given: {
  readonly parameters: Json;
  readonly imageParameters: Json;
  readonly action: string;
}): JsonObject {
  return new Map<string, Json>([
    ['parameters', orEmptyObject(given.parameters)],
    ['image_parameters', orEmptyObject(given.imageParameters)],
    ['action', given.action],
    ['shared_code_row_ids', []],
    ['storage', new Map()],
    ['authorization', new Map()],
  ]);
}

/**
 * Dotted paths of the configuration's `#` values that equal one of the component's own secrets: nobody may borrow those.
 * Both trees decrypted.
 */
export function findSecretMisuse(configuration: Json, imageParameters: Json): readonly string[] {
  const secrets = new Set<string>();
  mapSecrets(imageParameters, (value) => {
    secrets.add(secretText(value));
    return value;
  });
  secrets.delete('');
  const paths: string[] = [];
  mapSecrets(configuration, (value, path) => {
    if (secrets.has(secretText(value))) paths.push(path);
    return value;
  });
  return paths;
}
