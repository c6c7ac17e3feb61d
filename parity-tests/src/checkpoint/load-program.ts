import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** Makes a program of one file that reads these files of a model on the hub and prints their lengths. */
export async function loadProgram(program: string, names: readonly string[]): Promise<void> {
  await build({
    stdin: {
      contents: `
        import { openSource } from './files/source'
        const source = await openSource('org/model', { retries: 0 })
        const lengths = []
        for (const name of ${JSON.stringify(names)}) lengths.push((await source.read(name))?.length)
        console.log(lengths.join())`,
      resolveDir: fileURLToPath(new URL('../../../packages/core/src', import.meta.url)),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@dual-encoder/source', 'node'],
    outfile: program,
  })
}
