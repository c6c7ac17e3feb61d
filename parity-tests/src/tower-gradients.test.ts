import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type GradientOptions, readSafetensors, type Tensor } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import { describe, expect, it } from 'vitest'
import { openSource } from '../../packages/core/src/files/source'
import { readConfig } from '../../packages/core/src/models/read-config'
import { towerTypes } from '../../packages/core/src/towers/registry'
import { BACKENDS } from './backends'
import { casesIn, type ForwardTensors, inputsOf, rowsAt } from './fixtures'
import { keepEngine } from './keep-engine'

const GRADIENTS = fileURLToPath(new URL('../fixtures/gradients', import.meta.url))
/** What is no parameter in Python: statistics of batch norm, and MAE's table of sines. */
const NO_PARAMETER = /\.(running_mean|running_var|num_batches_tracked)$|^vision_model\.embeddings\.position_embeddings$/

const cases = ['towers', 'families', 'open-clip'].flatMap((group) => {
  const names = readdirSync(`${GRADIENTS}/${group}`).map((file) => file.replace('.safetensors', ''))
  return casesIn(group)
    .filter(({ name }) => names.includes(name))
    .map((each) => ({ ...each, group }))
})

/** What PyTorch made of a parameter's gradient in float64. */
interface Wanted {
  readonly norm: number
  /** How far PyTorch's own float32 is from it. */
  readonly error: number
  /** Each of as many as there are, evenly apart. */
  readonly values: Float32Array
}

/** By the names that parameters have here. */
function named(tensors: ReadonlyMap<string, Tensor>, group: string): Map<string, Wanted> {
  const entries = [...tensors].filter(([name]) => name !== 'loss' && name !== 'texts')
  return new Map(
    entries.map(([key, { data }]) => {
      const [norm, error, ...values] = data as Float32Array
      const name =
        group !== 'families'
          ? key.replace('vision_model.vision_model.', 'vision_model.')
          : key.replace('vision_model.encoder.layer.', 'vision_model.encoder.layers.')
      return [name, { norm: norm as number, error: error as number, values: Float32Array.from(values) }]
    }),
  )
}

const norm = (values: Iterable<number>): number => Math.sqrt([...values].reduce((sum, value) => sum + value * value, 0))

/** SwiftShader takes long to compile; `npm run proof` takes all of the cases there too. */
const FEW = /^(convnextv2-mean|deberta-talking-heads|resnet-early|swin-other-size|siglip)$/
const casesOn = (backend: string) =>
  backend.startsWith('webgpu') && !process.env.PARITY_REPORT ? cases.filter(({ name }) => FEW.test(name)) : cases

/** What `npm run proof` writes down: of each backend and case the largest difference, as a share of what is allowed. */
export const SHARES: Record<string, Record<string, number>> = {}

it('there are gradients of every tower', async () => {
  const configs = await Promise.all(cases.map(async ({ folder }) => readConfig(await openSource(folder))))
  const compared = configs.flatMap(({ vision_config, text_config }) =>
    [vision_config, text_config].map((config) => (config as { model_type?: string }).model_type),
  )
  expect(towerTypes().filter((type) => !compared.includes(type))).toEqual([])
})

describe.each(BACKENDS.filter(({ name }) => name !== 'tfjs (cpu, float32)'))('$name', (backend) => {
  keepEngine((folder) => backend.Model.fromPretrained(folder))
  /** Issue 19's: of the norm (or of a hundredth of the largest), or of PyTorch's own float32. */
  const times = backend.name.startsWith('webgpu') ? 10 : 1

  it.each(casesOn(backend.name))(
    "$group/$name: PyTorch's gradient of every parameter",
    async ({ name, group, folder, forwardOptions }) => {
      await using model = (await backend.loadAuto(folder)) as DualEncoderModel & {
        gradients(
          inputs: ForwardTensors,
          options: GradientOptions,
        ): Promise<{ loss: number; grads: Map<string, Tensor> }>
      }
      const tensors = await readSafetensors(`${GRADIENTS}/${group}/${name}.safetensors`)
      const texts = [...(tensors.get('texts')!.data as Int32Array)]
      const inputs = Object.entries(await inputsOf(folder)).map(([key, value]) => [
        key,
        key === 'pixelValues' ? value : rowsAt(value as Tensor | undefined, texts),
      ])
      const { loss, grads } = await model.gradients(Object.fromEntries(inputs) as ForwardTensors, forwardOptions)
      const expected = tensors.get('loss')!.data[0] as number
      expect(Math.abs(loss - expected)).toBeLessThan(3e-6 * times * Math.max(1, expected))
      const wanted = named(tensors, group)
      // What nothing depends on may be left aside.
      expect([...grads.keys()].filter((key) => !wanted.has(key) && !NO_PARAMETER.test(key))).toEqual([])
      expect([...wanted].filter(([key, { norm }]) => norm > 0 && !grads.has(key))).toEqual([])
      const largest = Math.max(...[...wanted.values()].map((each) => each.norm))
      let share = 0
      const far = [...wanted].flatMap(([key, { norm: size, error, values }]) => {
        const given = grads.get(key)?.data as Float32Array | undefined
        if (!given) return []
        const stride = Math.ceil(given.length / 256)
        expect(Math.ceil(given.length / stride), key).toBe(values.length)
        const limit = times * Math.max(1e-5 * Math.max(size, 1e-2 * largest), 3 * error)
        // As the distance of all values would be.
        const distance =
          norm(values.map((value, i) => value - given[i * stride]!)) * Math.sqrt(given.length / values.length)
        const off = Math.max(distance, Math.abs(norm(given) - size))
        share = Math.max(share, off / limit)
        return off <= limit
          ? []
          : [`${key}: ${off.toExponential(2)} of ${size.toExponential(2)}, allowed ${limit.toExponential(2)}`]
      })
      ;(SHARES[backend.name] ??= {})[`${group}/${name}`] = Number(share.toPrecision(2))
      expect(far).toEqual([])
    },
  )
})
