import type { Cipher, SecretIds } from '../base/cipher.ts';
import { UserError } from '../base/errors.ts';
import { fromPlain, type Json, type JsonObject, parseJson, stringifyJson } from '../base/json.ts';
import { differences } from '../base/json-difference.ts';
import { mapSecrets, secretText } from '../base/secrets.ts';
import { safeJson } from '../sinks/format.ts';
import { type ConfigurationKey, existingConfiguration } from '../storage/local/configuration-store.ts';
import { type VersionContent, versionContent } from '../storage/local/configuration-versions.ts';
import { print, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';

const signs = { added: '+', removed: '-', changed: '~' };

/** Prints what changed between two versions: by default the current one and the one before. */
export async function diff(
  key: ConfigurationKey,
  wanted: { readonly from: string | undefined; readonly to: string | undefined },
  { config, json }: Session,
): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue, secrets } = storage.partsFor({ on: 'configurations', to: 'read' });
    const to = wanted.to ?? existingConfiguration(catalogue, key).version;
    const from = wanted.from ?? String(Math.max(1, Number(to) - 1));
    const ids = { component: key.component, project: secrets.project, config: key.id };
    const documentAt = (version: string): Json =>
      comparable(versionContent(catalogue, key, version), (text) => decrypted(parseJson(text), secrets.cipher, ids));
    const changes = differences(documentAt(from), documentAt(to));
    if (json) {
      const about = { type: 'result', component: key.component, config: key.id, from, to, changes };
      return print(safeJson(stringifyJson(fromPlain(about))));
    }
    if (changes.length === 0) return print(`versions ${from} and ${to} are the same`);
    for (const { kind, path, before, after } of changes) {
      const values = [before, after].flatMap((value) => (value === undefined ? [] : [shown(stringifyJson(value))]));
      print(`${signs[kind]} ${shown(path)}: ${values.join(' → ')}`);
    }
  });
}

/** Rows by their ids, and their order apart, so that a row that moves is not another row. */
function comparable({ rows, configuration, ...labels }: VersionContent, read: (text: string) => Json): JsonObject {
  return new Map<string, Json>([
    ...Object.entries(labels),
    ['configuration', read(configuration)],
    ['order', rows.map(({ id }) => id)],
    [
      'rows',
      new Map(
        rows.map(({ id, configuration, ...row }) => [
          id,
          new Map<string, Json>([...Object.entries(row), ['configuration', read(configuration)]]),
        ]),
      ),
    ],
  ]);
}

/** For comparing: secrets as what they hold; one that does not open stays as it is stored. */
function decrypted(json: Json, cipher: Cipher, ids: SecretIds): Json {
  return mapSecrets(json, (value) => {
    try {
      return cipher.decrypt(secretText(value), ids);
    } catch (error) {
      if (error instanceof UserError) return value;
      throw error;
    }
  });
}
