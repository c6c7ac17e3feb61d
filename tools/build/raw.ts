import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import type { Plugin } from 'esbuild'

/** A name for a file that is the same on every machine: it gets into what is built, and into hashes of that. */
export const unrooted = (file: string): string => relative(process.cwd(), file).replaceAll('\\', '/')

/** `import text from './file?raw'`, as Vite has it: what is in the file. */
export const raw: Plugin = {
  name: 'raw',
  setup(build) {
    build.onResolve({ filter: /\?raw$/ }, ({ path, resolveDir }) => {
      const file = createRequire(join(resolveDir, '_')).resolve(path.slice(0, -'?raw'.length))
      return { path: unrooted(file), pluginData: file, namespace: 'raw' }
    })
    build.onLoad({ filter: /.*/, namespace: 'raw' }, async ({ pluginData }) => ({
      contents: await readFile(pluginData as string, 'utf8'),
      loader: 'text',
    }))
  },
}
