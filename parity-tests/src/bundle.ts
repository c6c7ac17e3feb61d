import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { raw } from '../../tools/build/raw'
import { script } from '../../tools/build/script'

/** A program of the packages' sources as one file, which finds the engines in the `node_modules` above it. */
export async function bundle(code: string, outfile: string): Promise<void> {
  await build({
    stdin: { contents: code, loader: 'ts', resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@dual-encoder/source', 'node', 'import'],
    external: ['onnxruntime-node', 'onnxruntime-web', 'sharp', '@tensorflow/*', '@lancedb/lancedb', 'apache-arrow'],
    plugins: [raw, script],
    logLevel: 'silent',
    outfile,
  })
}
