import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runBy } from '../consume/install'
import { bundle } from './bundle'

const ROOT = resolve(import.meta.dirname, '../..')
const MODEL = `${ROOT}/parity-tests/models/emoji-vit-bert`

/** The README's program: a picture and texts in, the best of them out. */
const program = (backend: string) => `
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/${backend}'

const model = await VisionTextDualEncoderModel.fromPretrained('${MODEL}')
const processor = await VisionTextDualEncoderProcessor.fromPretrained('${MODEL}')
const labels = ['airplane', 'pizza', 'dog']
const { logitsPerImage } = await model.forward(await processor({ images: '${MODEL}/samples/airplane.png', text: labels }))
const { data } = processor.postProcess({ logitsPerImage })
console.log(labels[data.indexOf(Math.max(...data))])
await model.dispose()
`

describe.each(['onnx', 'tfjs'])('the ten lines on @dual-encoder/%s', (backend) => {
  it.each(['bun', 'deno'] as const)('run on %s', { timeout: 300_000 }, async (runtime) => {
    const folder = `${ROOT}/packages/${backend}/node_modules/.runtimes`
    const outfile = `${folder}/${runtime}.mjs`
    await bundle(program(backend), outfile)
    const { code, stdout, stderr } = await runBy(runtime, outfile, folder)
    expect({ code, stdout: stdout.trim() }, stderr).toEqual({ code: 0, stdout: 'airplane' })
    await rm(outfile)
  })
})

it.each(['bun', 'deno'] as const)('the example photo-search runs on %s', { timeout: 300_000 }, async (runtime) => {
  const folder = `${ROOT}/packages/onnx/node_modules/.runtimes`
  const outfile = `${folder}/photo-search-${runtime}.mjs`
  await bundle(`import '${ROOT}/examples/photo-search/photo-search.mjs'`, outfile)
  const asked = [MODEL, `${MODEL}/samples`, 'a slice of pizza']
  const { code, stdout, stderr } = await runBy(runtime, outfile, folder, ...asked)
  const [count, best] = stdout.split('\n')
  expect({ code, count, best }, stderr).toMatchObject({
    ...{ code: 0, count: '12 pictures, 0 that cannot be read' },
    best: expect.stringMatching(/^a slice of pizza: pizza\.png 0\.\d{3}$/) as string,
  })
  await rm(outfile)
})
