import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { unrooted } from './raw.ts'

const SUFFIX = /\?script$/

/** Bundles a module into one script. What Node brings and `import(...)` of packages stay. */
async function bundle(path: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    platform: 'neutral',
    external: ['node:*', 'sharp', 'libheif-js'],
    // A script has none.
    define: { 'import.meta.url': 'undefined' },
    // What a package's own files take from each other for nothing else is left out without a word.
    logOverride: { 'ignored-bare-import': 'silent' },
  })
  return outputFiles[0]!.text
}

const located = (path: string, importer: string): string =>
  createRequire(join(dirname(importer), '_')).resolve(`${path.replace(SUFFIX, '')}.ts`)

/** `import script from './file?script'`: the script that `file.ts` makes, for a worker. */
export const script: Plugin = {
  name: 'script',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: SUFFIX }, ({ path, importer }) => {
      const file = located(path, importer)
      return { path: unrooted(file), pluginData: file, namespace: 'script' }
    })
    onLoad({ filter: /.*/, namespace: 'script' }, async ({ pluginData }) => ({
      contents: await bundle(pluginData as string),
      loader: 'text',
    }))
  },
}

/** The same for Vite, which runs the tests. */
export const viteScript = {
  name: 'script',
  enforce: 'pre' as const,
  resolveId: (path: string, importer?: string) =>
    SUFFIX.test(path) && importer ? `${located(path, importer)}?script` : undefined,
  load: async (id: string) =>
    SUFFIX.test(id) ? `export default ${JSON.stringify(await bundle(id.replace(SUFFIX, '')))}` : undefined,
}
