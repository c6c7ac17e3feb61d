import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { version_wasm } from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { build, type BuildOptions } from 'esbuild'
import { expect, it, vi } from 'vitest'
import { raw } from '../../../tools/build/raw'
import { script } from '../../../tools/build/script'
import { startBackend } from './backend'
import { PINNED } from './wasm/heap'

const ROOT = resolve(import.meta.dirname, '../../..')
const FOLDER = `${ROOT}/packages/tfjs/node_modules/.threads`
const ENGINE = resolve(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')), '../wasm-out')

/** Prints how many threads there are, whether the process is as it was, and the logits; and has to end by itself. */
const PROGRAM = (threads: number) => `
import { readSafetensors } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from './src/index'
import { getThreadsCount } from '@tensorflow/tfjs-backend-wasm'
import os from 'node:os'
async function main() {
  const before = [globalThis.Worker, globalThis.Blob, URL.createObjectURL, os.cpus]
  const folder = '${ROOT}/parity-tests/fixtures/towers/clip-bert'
  const model = await VisionTextDualEncoderModel.fromPretrained(folder, { backend: 'wasm', threads: ${threads} })
  const tensors = await readSafetensors(folder + '/inputs.safetensors')
  const { logitsPerImage } = await model.forward({
    pixelValues: tensors.get('pixel_values'), inputIds: tensors.get('input_ids'),
    attentionMask: tensors.get('attention_mask'), tokenTypeIds: tensors.get('token_type_ids'),
  })
  const same = [globalThis.Worker, globalThis.Blob, URL.createObjectURL, os.cpus].every((value, i) => value === before[i])
  console.log(JSON.stringify({ threads: getThreadsCount(), same, logits: [...logitsPerImage.data] }))
}
void main()
`

interface Outcome {
  threads: number
  same: boolean
  logits: number[]
}

/** @param changes to the bundle: TensorFlow.js is left out of it by default */
async function run(name: string, threads: number, changes: BuildOptions = {}): Promise<Outcome> {
  const outfile = `${FOLDER}/${name}`
  await build({
    stdin: { contents: PROGRAM(threads), loader: 'ts', resolveDir: `${ROOT}/packages/tfjs` },
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@dual-encoder/source', 'node', 'import'],
    external: ['sharp', '@tensorflow/*'],
    plugins: [raw, script],
    logLevel: 'silent',
    outfile,
    ...changes,
  })
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [outfile], { timeout: 30_000 })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Outcome
}

const expectSame = (given: number[], wanted: number[]) =>
  given.forEach((value, i) => expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5))

it('threads start in Node, give the same numbers, and let the process end', async () => {
  const [one, two] = [await run('one.mjs', 1), await run('two.mjs', 2)]
  expect([one.threads, two.threads]).toEqual([1, 2])
  expect([one.same, two.same]).toEqual([true, true])
  expectSame(two.logits, one.logits)
})

it('they start in a minified bundle as well', async () => {
  await cp(`${ENGINE}/tfjs-backend-wasm-threaded-simd.wasm`, `${FOLDER}/tfjs-backend-wasm-threaded-simd.wasm`)
  const bundled = await run('bundle.cjs', 2, { format: 'cjs', external: ['sharp'], minify: true })
  expect([bundled.threads, bundled.same]).toEqual([2, true])
  expectSame(bundled.logits, (await run('one.mjs', 1)).logits)
})

it('they run the script of the version that this package depends on', async () => {
  expect(version_wasm).toBe(PINNED)
  const script = await readFile(`${ENGINE}/tfjs-backend-wasm-threaded-simd.js`)
  expect(createHash('sha256').update(script).digest('hex')).toBe(
    'd79fba6f8a1648e9e068c73930d4898d99fcc24ca3163a8679464c96a644949f',
  )
})

it('a number of threads that is none is an error', async () => {
  for (const options of [{ backend: 'wasm', threads: 0 }, { threads: 1.5 }, { threads: 9 }] as const)
    await expect(startBackend(options)).rejects.toMatchObject({ code: 'bad-threads' })
})

it('the cpu backend starts without a word', async () => {
  const warn = vi.spyOn(console, 'warn')
  await startBackend({ backend: 'cpu' })
  tf.scalar(1).dispose()
  expect(tf.getBackend()).toBe('cpu')
  expect(warn).not.toHaveBeenCalled()
})
