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

/** A program of the packages' sources as one file, which finds the engines in the `node_modules` above it. */
export async function bundle(code: string, outfile: string): Promise<void> {
  await build({
    stdin: { contents: code, loader: 'ts', resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@dual-encoder/source', 'node', 'import'],
    external: ['onnxruntime-node', 'onnxruntime-web', 'sharp', '@tensorflow/*', '@lancedb/lancedb', 'apache-arrow'],
    plugins: [raw, script, model],
    logLevel: 'silent',
    outfile,
  })
}
