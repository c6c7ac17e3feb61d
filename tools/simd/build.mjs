// Compiles the modules and embeds each: `node tools/simd/build.mjs`. With `--check`, only says whether they are up to date.
import { readFile, writeFile } from 'node:fs/promises'
import asc from 'assemblyscript/asc'

const MODULES = [
  { name: 'resize', embedded: 'RESIZE_WASM', path: 'packages/core/src/images/resize/simd-module.ts' },
  { name: 'dropout', embedded: 'DROPOUT_WASM', path: 'packages/core/src/ops/dropout-module.ts' },
  { name: 'dots', embedded: 'DOTS_WASM', path: 'packages/core/src/retrieval/simd-module.ts' },
  { name: 'int8', embedded: 'INT8_WASM', path: 'packages/onnx/src/int8/simd-module.ts' },
]

/** @param {string} text */
async function compiled(text) {
  let binary
  const { error, stderr } = await asc.main(
    ['source.ts', '--outFile', 'source.wasm', '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'],
    {
      readFile: (name) => (name === 'source.ts' ? text : null),
      writeFile: (name, contents) => {
        if (name === 'source.wasm') binary = contents
      },
      listFiles: () => [],
    },
  )
  if (error) throw new Error(stderr.toString(), { cause: error })
  return binary
}

for (const { name, embedded, path } of MODULES) {
  const target = new URL(`../../${path}`, import.meta.url)
  const binary = await compiled(await readFile(new URL(`${name}.as`, import.meta.url), 'utf8'))
  const base64 = Buffer.from(binary).toString('base64')
  const module = `// Made by tools/simd/build.mjs from tools/simd/${name}.as (${binary.length} bytes of WebAssembly).
export const ${embedded} =
  '${base64}'
`
  if (process.argv.includes('--check')) {
    if ((await readFile(target, 'utf8')) !== module) throw new Error(`${path} is stale: node tools/simd/build.mjs`)
  } else await writeFile(target, module)
  console.log(`${name}.wasm: ${binary.length} bytes`)
}
