import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tensor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { type Sample, topLayers, Trainer, type TrainerOptions } from '@dual-encoder/train'
import { afterEach, beforeEach, expect, it } from 'vitest'

const TOWERS = fileURLToPath(new URL('../fixtures/towers/', import.meta.url))
const SIDE = 32
/** The cache holds float16. */
const LIMIT = 5e-3

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'dual-encoder-maps-'))))
afterEach(() => rm(folder, { recursive: true }))

const data = Array.from({ length: 8 }, (_, n): Sample => {
  const pixels = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => (n * 37 + i * ((n % 5) + 1)) % 256)
  return { key: String(n), image: { data: pixels, width: SIDE, height: SIDE, channels: 3 }, text: String(n) }
})
const processor: TrainerOptions['processor'] = (inputs) => {
  if ('images' in inputs) {
    const { images } = inputs
    const values = images.flatMap(({ data }) => Array.from(data.subarray(0, 3 * SIDE * SIDE), (v) => v / 127.5 - 1))
    return Promise.resolve({ pixelValues: tensor(Float32Array.from(values), [images.length, 3, SIDE, SIDE]) })
  }
  const ids = inputs.text.flatMap((text) => [2, 4 + (Number(text) % 30), 3])
  return Promise.resolve({ inputIds: tensor(BigInt64Array.from(ids, BigInt), [inputs.text.length, 3]) })
}

it.each(['efficientnet', 'convnext'])(
  '%s: losses from cached maps that enter the lowest block that learns are those of the whole tower',
  async (name) => {
    const model = await VisionTextDualEncoderModel.fromPretrained(`${TOWERS}${name}`)
    const lossesOf = async (options: Partial<TrainerOptions>) => {
      const losses: number[] = []
      const rules = [topLayers({ vision: 1 }), ['.*', 1] as const]
      const trainer = new Trainer({ model, processor, data, batchSize: 4, steps: 3, rules, dropout: false, ...options })
      await trainer.run({ onStep: ({ loss }) => losses.push(loss) })
      return losses
    }
    const options = { optimizer: { name: 'adamw', lr: 1e-3 }, progress: false } as const
    const whole = await lossesOf(options)
    const cached = await lossesOf({ ...options, cache: folder })
    expect(new Set(whole).size).toBe(3)
    cached.forEach((loss, i) => expect(Math.abs(loss - whole[i]!), `step ${i + 1}`).toBeLessThan(LIMIT))
    // What leads into a stage is read before its first block: the boundary is the block below then.
    const { count } = model.layersOf('vision')
    const [entered] = (await readdir(folder)).flatMap((one) => /^vision-(\d+)-/.exec(one)?.[1] ?? [])
    expect([count - 1, count - 2]).toContain(Number(entered))
    await model.dispose()
  },
)
