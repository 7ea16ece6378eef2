const { readdirSync, readFileSync, statSync } = require('node:fs');

/**
 * Says what the bundle is made from: one line of path, size and modification time for every source file.
 * Any edit, new, renamed or older file changes it, whichever way the clock went.
 * @param {string} root
 * @returns {string}
 */
function sourceList(root) {
  return ['package-lock.json', 'scripts/build.ts', ...filesBelow(root, 'src')].map((path) => line(root, path)).join('');
}

/**
 * True when `dist/` holds the bundle of exactly these sources, or when there are no sources to compare with.
 * @param {string} root
 * @returns {boolean}
 */
function bundleIsCurrent(root) {
  try {
    const built = readFileSync(`${root}/dist/sources.txt`, 'utf8');
    return statSync(`${root}/src`, { throwIfNoEntry: false }) === undefined || built === sourceList(root);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

function filesBelow(root, folder) {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(root, path) : [path];
  });
}

function line(root, path) {
  const { size, mtimeMs } = statSync(`${root}/${path}`);
  return `${path} ${size} ${mtimeMs}\n`;
}

module.exports = { bundleIsCurrent, sourceList };
