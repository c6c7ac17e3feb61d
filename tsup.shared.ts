import { readFileSync } from 'node:fs'
import { defineConfig } from 'tsup'
import { raw } from './tools/build/raw'
import { script } from './tools/build/script'

interface Manifest {
  exports: unknown
  imports?: Record<string, unknown>
  bin?: Record<string, string>
}

/** Every file name inside the conditions of `exports` or `imports`. */
const targets = (conditions: unknown): string[] =>
  typeof conditions === 'string' ? [conditions] : Object.values(conditions ?? {}).flatMap(targets)

/** `{ 'platform/node': 'src/platform/node.ts' }` for each `./dist/platform/node.js` among the targets. */
const entries = (conditions: unknown): Record<string, string> =>
  Object.fromEntries(
    targets(conditions)
      .map((file) => /^\.\/dist\/(.+)\.js$/.exec(file)?.[1])
      .filter((name) => name !== undefined)
      .map((name) => [name, `src/${name}.ts`]),
  )

/**
 * The build of every package, read from its `package.json`: what `exports`, `imports` and `bin` point at in `dist`
 * is built from the file of the same name in `src`. Subpath imports (`#platform`) stay as they are, so that
 * the conditions of whoever loads the package choose among them. Only `exports` has types.
 */
export default defineConfig(() => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  return {
    entry: { ...entries(manifest.exports), ...entries(manifest.imports), ...entries(manifest.bin) },
    // Symbol.asyncDispose, which the libraries of a program's target may lack.
    dts: { entry: entries(manifest.exports), banner: '/// <reference lib="esnext.disposable" />' },
    format: ['esm', 'cjs'],
    target: 'es2022',
    platform: 'neutral',
    external: [/^#/, /^node:/],
    noExternal: [/\?raw$/, /\?script$/],
    esbuildPlugins: [raw, script],
    // One copy of each class per format, whichever entry asks for it.
    splitting: true,
    treeshake: true,
    // `import.meta.url` in the CommonJS build.
    shims: true,
    sourcemap: true,
    // The sources are in the package as well.
    esbuildOptions(options) {
      options.sourcesContent = false
    },
    clean: true,
    silent: true,
    removeNodeProtocol: false,
  }
})
