import { parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { raw } from '../../tools/build/raw'
import { script } from '../../tools/build/script'

/** The model's folder lies beside its package, not beside the bundle. */
const model: Plugin = {
  name: 'model',
  setup({ onLoad }) {
    const folder = new URL('../../packages/model-pictures/model/', import.meta.url).href
    onLoad({ filter: /model-pictures[\\/]src[\\/]index\.ts$/ }, () => ({
      contents: `export const folder = new URL(${JSON.stringify(folder)})`,
    }))
  },
}

/** The programs as virtual modules, resolved as if they lay in this package. */
const virtual = (programs: Readonly<Record<string, string>>): Plugin => ({
  name: 'virtual',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^program:/ }, ({ path }) => ({ path: path.slice('program:'.length), namespace: 'program' }))
    onLoad({ filter: /.*/, namespace: 'program' }, ({ path }) => ({
      contents: programs[path],
      loader: 'ts',
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    }))
  },
})

/**
 * Programs of the packages' sources, each as a file `NAME.mjs` of its own in `outdir`, which finds the engines in the
 * `node_modules` above it.
 */
export async function bundles(programs: Readonly<Record<string, string>>, outdir: string): Promise<void> {
  await build({
    entryPoints: Object.keys(programs).map((name) => ({ in: `program:${name}`, out: name })),
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@dual-encoder/source', 'node', 'import'],
    external: ['onnxruntime-node', 'onnxruntime-web', 'sharp', '@tensorflow/*', '@lancedb/lancedb', 'apache-arrow'],
    plugins: [virtual(programs), raw, script, model],
    logLevel: 'silent',
    outdir,
    outExtension: { '.js': '.mjs' },
  })
}

/** A program of the packages' sources as one file. */
export const bundle = (code: string, outfile: string): Promise<void> => {
  const { dir, name } = parse(outfile)
  return bundles({ [name]: code }, dir)
}
