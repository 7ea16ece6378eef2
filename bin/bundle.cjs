const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { Script, constants } = require('node:vm');
const { crc32 } = require('node:zlib');

/**
 * Runs the bundle with the machine code of an earlier process, which holds every function that process called. Node's own compile cache holds
 * only what is compiled while the file loads, and a job then spends 20 ms on compiling the rest again.
 *
 * A cache is used for exactly the bundle and the kind of work it was made with, whole or not at all; V8 itself refuses one of another Node.
 * @param {string} root
 */
function runBundle(root) {
  const filename = `${root}/dist/main.cjs`;
  const bytes = readFileSync(filename);
  // A job needs functions that no other verb does, and so does a pull. A wrong guess costs time only.
  const { argv } = process;
  const work = argv.includes('run') || argv.includes('resume') ? 'job' : argv.includes('image') ? 'image' : 'other';
  const cachePath = `${root}/.cache/code/${crc32(bytes).toString(16)}-${work}`;
  const cachedData = readCache(cachePath);
  const script = new Script(`(function(require,__filename){${bytes.latin1Slice()}\n})`, {
    filename,
    cachedData,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  script.runInThisContext()(createRequire(filename), filename);
  if (cachedData !== undefined && !script.cachedDataRejected) return;
  process.once('exit', (code) => {
    if (code === 0) writeCache(cachePath, script.createCachedData());
  });
}

/** The cache, or `undefined` when there is none or a crash tore it: V8 does not look whether it is whole. */
function readCache(path) {
  try {
    const bytes = readFileSync(path);
    const data = bytes.subarray(4);
    return bytes.length > 4 && bytes.readUInt32LE() === crc32(data) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** Whoever may not write here goes without. */
function writeCache(path, data) {
  try {
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(crc32(data));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.${process.pid}`, Buffer.concat([sum, data]), { mode: 0o644 });
    renameSync(`${path}.${process.pid}`, path);
  } catch {}
}

module.exports = { runBundle };
