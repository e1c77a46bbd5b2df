#!/usr/bin/env node
// `pillion-js SOURCE OUT.wasm`: a guest of one file. Its world is read from its source: what it imports of `pillion:dapr` and
// which handlers it exports, so that nobody has to write WIT and the guest asks for no more than it uses.
import { componentize } from '@bytecodealliance/componentize-js';
import { build } from 'esbuild';
import { cp, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '0.1.0';
/** What a guest may export; each is an interface of `pillion:dapr`. */
const HANDLERS = ['invocation', 'topic', 'bulk-topic', 'binding', 'job', 'configuration', 'actor'];

/** Workflows and activities, of a package of their own. */
const WORKFLOWS = { name: 'workflowHandler', line: `export pillion:workflow/workflow-handler@${VERSION};` };

const [source, out] = process.argv.slice(2);
if (!source || !out) fail('usage: pillion-js SOURCE OUT.wasm');
const work = await mkdtemp(join(tmpdir(), 'pillion-js-'));
try {
  await guest();
} catch (error) {
  fail(`${source}: ${error.message ?? error}`);
} finally {
  await rm(work, { recursive: true, force: true });
}

async function guest() {
  const { imports, exports, text } = await bundle();
  await writeWorld(imports, exports);
  const sourcePath = join(work, 'guest.js');
  await writeFile(sourcePath, text);
  const options = { sourcePath, witPath: join(work, 'wit'), worldName: 'guest', disableFeatures: unused(text) };
  const { component } = await componentize(options);
  // By rename: who watches the file never sees half of it.
  await mkdir(dirname(out), { recursive: true });
  await writeFile(`${out}.partial`, component);
  await rename(`${out}.partial`, out);
}

/** One module of the source and all that it imports; the host's interfaces stay imports. */
async function bundle() {
  const host = {
    name: 'host',
    setup: (builder) => builder.onResolve({ filter: /^(pillion|wasi):/ }, (found) => ({
      path: found.path,
      external: true,
      sideEffects: false,
    })),
  };
  const options = { entryPoints: [source], bundle: true, write: false, metafile: true, format: 'esm', target: 'es2022' };
  // The sources that lie beside this file, whatever is installed where the guest is.
  const alias = { 'pillion-sdk': fileURLToPath(new URL('src', import.meta.url)) };
  const { outputFiles, metafile } = await build({ ...options, alias, plugins: [host], logLevel: 'error' });
  const [output] = Object.values(metafile.outputs);
  const imports = [...new Set(output.imports.filter((found) => found.external).map((found) => found.path))];
  return { imports, exports: output.exports, text: outputFiles[0].text };
}

async function writeWorld(imports, exports) {
  const handlers = HANDLERS.filter((name) => exports.includes(camelCase(`${name}-handler`)));
  const workflows = exports.includes(WORKFLOWS.name) ? [WORKFLOWS.line] : [];
  if (handlers.length + workflows.length === 0) {
    const names = [...HANDLERS.map((name) => camelCase(`${name}-handler`)), WORKFLOWS.name].join(', ');
    throw new Error(`exports no handler\nhint: export one or more of ${names}`);
  }
  const lines = [
    ...imports.map((name) => `import ${name};`),
    ...handlers.map((name) => `export pillion:dapr/${name}-handler@${VERSION};`),
    ...workflows,
  ];
  await mkdir(join(work, 'wit/deps'), { recursive: true });
  const dapr = await witFolder('wit', 'wit/dapr');
  await cp(dapr, join(work, 'wit/deps/dapr'), { recursive: true });
  await cp(join(dapr, 'deps/io.wit'), join(work, 'wit/deps/io.wit'));
  await cp(await witFolder('wit-workflow', 'wit/workflow'), join(work, 'wit/deps/workflow'), { recursive: true });
  await cp(await witFolder('wit-nn', 'wit/deps/wasi-nn-0.2.0-rc-2024-10-28'), join(work, 'wit/deps/nn'), { recursive: true });
  const world = `package pillion:guest;\nworld guest {\n  ${lines.join('\n  ')}\n}\n`;
  await writeFile(join(work, 'wit/world.wit'), world);
}

/** The package's own copy; in the repository, where there is none, the original. */
async function witFolder(copy, source) {
  const [own, original] = [copy, `../../${source}`].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return (await stat(own).catch(() => undefined)) ? own : original;
}

/** Parts of the engine that would import interfaces which the guest has no use for. */
function unused(text) {
  return /\bfetch\s*\(/.test(text) ? ['fetch-event'] : ['http', 'fetch-event'];
}

function camelCase(name) {
  return name.replace(/-./g, (part) => part[1].toUpperCase());
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}
