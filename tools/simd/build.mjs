// Compiles resize.as and embeds it: `node tools/simd/build.mjs`. With `--check`, only says whether it is up to date.
import { readFile, writeFile } from 'node:fs/promises'
import asc from 'assemblyscript/asc'

const source = new URL('resize.as', import.meta.url)
const target = new URL('../../packages/core/src/images/resize/simd-module.ts', import.meta.url)

const text = await readFile(source, 'utf8')
let binary
const { error, stderr } = await asc.main(
  ['resize.ts', '--outFile', 'resize.wasm', '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'],
  {
    readFile: (name) => (name === 'resize.ts' ? text : null),
    writeFile: (name, contents) => {
      if (name === 'resize.wasm') binary = contents
    },
    listFiles: () => [],
  },
)
if (error) throw new Error(stderr.toString(), { cause: error })

const base64 = Buffer.from(binary).toString('base64')
const module = `// Made by tools/simd/build.mjs from tools/simd/resize.as (${binary.length} bytes of WebAssembly).
export const RESIZE_WASM =
  '${base64}'
`
if (process.argv.includes('--check')) {
  if ((await readFile(target, 'utf8')) !== module) throw new Error('simd-module.ts is stale: node tools/simd/build.mjs')
} else await writeFile(target, module)
console.log(`resize.wasm: ${binary.length} bytes`)
