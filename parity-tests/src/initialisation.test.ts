import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { initializeModel } from '@dual-encoder/core/backend'
import { describe, expect, it } from 'vitest'

const FOLDER = resolve(import.meta.dirname, '../fixtures/initialisation')

/** Of one parameter of a new model, as transformers drew it. */
type Figures = readonly [count: number, mean: number, std: number, largest: number]
interface Case {
  readonly config: Parameters<typeof VisionTextDualEncoderConfig.fromJSON>[0]
  readonly params: Readonly<Record<string, Figures>>
}

function figuresOf(data: Float32Array): Figures {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length
  return [data.length, mean, Math.sqrt(variance), data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)]
}

/** Undefined where both may be draws of one distribution: means and deviations of samples vary by their size. */
function mismatch(name: string, given: Figures, python: Figures): string | undefined {
  const [count, mean, std] = python
  const far = (a: number, b: number, sigma: number) => Math.abs(a - b) > 5 * sigma + 1e-6 * Math.abs(b)
  const spread = Math.max(std, given[2])
  // The largest of many draws tells bounded distributions (uniform: sqrt(3) deviations) from normal ones.
  const bounded = ([, , deviation, largest]: Figures) => largest < 2 * deviation
  const wrong =
    given[0] !== count ||
    far(given[1], mean, spread * Math.sqrt(2 / count)) ||
    far(given[2], std, spread / Math.sqrt(count)) ||
    (count > 1000 && std > 0 && bounded(given) !== bounded(python))
  // Samples of a few values tell constants from draws, and little more.
  const constant = (figures: Figures) => figures[2] < 1e-7
  const other = count > 1 && constant(given) !== constant(python)
  return wrong || other ? `${name}: ${given.join(' ')}, Python ${python.join(' ')}` : undefined
}

describe.each(readdirSync(FOLDER))('%s', (file) => {
  const { config, params } = JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8')) as Case

  it('is drawn as transformers draws it', async () => {
    const { weights } = await initializeModel(VisionTextDualEncoderConfig.fromJSON(config), 0)
    expect([...weights.keys()].sort()).toEqual(Object.keys(params).sort())
    const wrong = [...weights.values()].map(async ({ name, read }) =>
      mismatch(name, figuresOf((await read()).data as Float32Array), params[name]!),
    )
    expect((await Promise.all(wrong)).filter(Boolean)).toEqual([])
  })
})
