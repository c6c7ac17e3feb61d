import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { startBackend } from './backend'

const ROOT = resolve(import.meta.dirname, '../../..')

/** Prints how many threads there are, whether the process is as it was, and the logits; and has to end by itself. */
const PROGRAM = (threads: number) => `
import { readSafetensors } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from './src/index'
import { getThreadsCount } from '@tensorflow/tfjs-backend-wasm'
import os from 'node:os'
const before = [globalThis.Worker, URL.createObjectURL, os.cpus]
const folder = '${ROOT}/parity-tests/fixtures/towers/clip-bert'
const model = await VisionTextDualEncoderModel.fromPretrained(folder, { backend: 'wasm', threads: ${threads} })
const tensors = await readSafetensors(folder + '/inputs.safetensors')
const { logitsPerImage } = await model.forward({
  pixelValues: tensors.get('pixel_values'), inputIds: tensors.get('input_ids'),
  attentionMask: tensors.get('attention_mask'), tokenTypeIds: tensors.get('token_type_ids'),
})
const same = [globalThis.Worker, URL.createObjectURL, os.cpus].every((value, i) => value === before[i])
console.log(JSON.stringify({ threads: getThreadsCount(), same, logits: [...logitsPerImage.data] }))
`

async function run(threads: number): Promise<{ threads: number; same: boolean; logits: number[] }> {
  const outfile = `${ROOT}/packages/tfjs/node_modules/.threads/program-${threads}.mjs`
  await build({
    stdin: { contents: PROGRAM(threads), loader: 'ts', resolveDir: `${ROOT}/packages/tfjs` },
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@dual-encoder/source', 'node', 'import'],
    external: ['sharp', '@tensorflow/*'],
    logLevel: 'silent',
    outfile,
  })
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [outfile], { timeout: 30_000 })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Awaited<ReturnType<typeof run>>
}

it('threads start in Node, give the same numbers, and let the process end', async () => {
  const [one, two] = [await run(1), await run(2)]
  expect([one.threads, two.threads]).toEqual([1, 2])
  expect([one.same, two.same]).toEqual([true, true])
  two.logits.forEach((value, i) => expect(Math.abs(value - one.logits[i]!)).toBeLessThan(1e-5))
})

it('a number of threads that is none is an error', async () => {
  for (const options of [{ backend: 'wasm', threads: 0 }, { threads: 1.5 }] as const)
    await expect(startBackend(options)).rejects.toMatchObject({ code: 'bad-threads' })
})
