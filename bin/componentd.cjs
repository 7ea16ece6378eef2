// The first file Node runs. CommonJS, because it starts 2 ms sooner than a module; plain, so that an old Node can say that it is too old.
const { runBundle } = require('./bundle.cjs');
const { bundleIsCurrent } = require('./sources.cjs');

const root = `${__dirname}/..`;

if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(
    `componentd: needs Node 24 or newer, and this is ${process.versions.node}. In a checkout, run scripts/setup; else install Node 24, or unpack one as runtime/ beside bin/.\n`,
  );
  process.exit(69);
}
if (bundleIsCurrent(root)) runBundle(root);
else import('../src/main.ts');
