import type { Command } from 'commander';
import type { PruneOptions } from './image-remove.ts';
import type { Session, Verb } from './session.ts';

const lsHelp = `
DISK is what an image takes here, content and unpacked layers; what it shares with others counts for each. TRANSFER is what a registry sends.
KEPT BY names the job that needs it, or the pin of the setting images.collection.

Example:
  componentd image ls --json`;

const rmHelp = `
What a job needs that has not ended stays, and the job is named; --force removes it all the same, and the job may then fail.

Example:
  componentd image rm acme/ex-weather:dev`;

const pruneHelp = `
Say what is to go. What a job needs that has not ended stays in any case, and so does what the setting images.collection pins.
  --all               every other image
  --older-than 7d     those that nobody wanted for so long
  --to-limits         what the setting images.collection says: the least recently used first, until there is enough space;
                      that happens by itself after a job that pulled an image, and when a pull finds no space

Examples:
  componentd image prune --older-than 30d --dry-run
  componentd image prune --all`;

const pullHelp = `
Without --username, secrets of registries are found by the settings images.credentials and images.dockerConfig.

Examples:
  componentd image pull quay.io/acme/ex-weather:1.2.0
  componentd image pull registry.example.com/ex:1 --username robot < password-file`;

const exportHelp = `
The archive is an OCI layout and has the manifest.json of docker save: componentd image import, docker load, podman load, ctr images import
and skopeo take it. The same images give the same bytes. Of an image for several platforms, what runs here is in it.

Examples:
  componentd image export acme/ex-weather:1 -o weather.tar
  componentd image export acme/ex-weather:1 acme/ex-rates:2 | zstd > both.tar.zst`;

/** `image`: the images of the tenant's namespace. */
export const imageCommand: Verb = (program, session) => {
  const image = program.command('image').description('pull, import, export, list and remove images');
  getting(image, session);
  looking(image, session);
  removing(image, session);
};

function getting(image: Command, session: () => Session): void {
  image
    .command('pull <reference>')
    .description('make an image ready to run')
    .option('--policy <policy>', 'missing, always, never, or digest: missing for REPOSITORY@DIGEST only', 'always')
    .option('--username <name>', 'registry user; the password is read from standard input')
    .addHelpText('after', pullHelp)
    .action(async (reference: string, options: { readonly policy: string; readonly username?: string }) => {
      await (await import('./image-get.ts')).pullImage(reference, options, session());
    });
  image
    .command('import <archive>')
    .description('import an OCI or Docker archive; - for standard input')
    .option('--name <reference>', 'name of the image, when the archive has none or another one is wanted')
    .addHelpText('after', '\nExample:\n  componentd image import component.tar --name acme/ex-weather:dev')
    .action(async (archive: string, options: { readonly name?: string }) => {
      await (await import('./image-get.ts')).importArchive(archive, options.name, session());
    });
  image
    .command('export <references...>')
    .description('write images into one archive')
    .option('-o, --output <file>', 'the archive; - for standard output', '-')
    .addHelpText('after', exportHelp)
    .action(async (references: readonly string[], { output }: { readonly output: string }) => {
      await (await import('./image-export.ts')).exportArchive(references, output, session());
    });
}

function looking(image: Command, session: () => Session): void {
  image
    .command('ls')
    .description('list the images')
    .addHelpText('after', lsHelp)
    .action(async () => await (await import('./image-look.ts')).listAll(session()));
  image
    .command('inspect <reference>')
    .description('show what an image is, and what of it is here')
    .addHelpText('after', '\nExample:\n  componentd image inspect acme/ex-weather:1 --json')
    .action(async (reference: string) => await (await import('./image-look.ts')).inspectOne(reference, session()));
}

function removing(image: Command, session: () => Session): void {
  image
    .command('rm <references...>')
    .description('remove images')
    .option('--force', 'also what a job needs')
    .addHelpText('after', rmHelp)
    .action(async (references: readonly string[], options: { readonly force?: boolean }) => {
      await (await import('./image-remove.ts')).removeAll(references, options.force === true, session());
    });
  image
    .command('prune')
    .description('remove images that nobody needs')
    .option('--all', 'whenever they were used')
    .option('--older-than <time>', 'not used for so long, or since then: 7d, "2 weeks ago", 2026-11-20')
    .option('--to-limits', 'as the setting images.collection says')
    .option('--dry-run', 'say what would go')
    .addHelpText('after', pruneHelp)
    .action(async (options: PruneOptions) => await (await import('./image-remove.ts')).prune(options, session()));
}
