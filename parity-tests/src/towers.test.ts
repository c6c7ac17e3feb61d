import { readSafetensors, type Tensor } from '@dual-encoder/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS, type Tolerances } from './backends'
import { ChromiumModels, type TowerModel } from './chromium'
import { difference, namedOutputs } from './compare'
import { casesIn, firstRows, inputsOf } from './fixtures'
import { ParityReport } from './report'
import { violation } from './tolerances'

/** Fixtures may hold outputs of other calls under these names; they are compared by their own tests below. */
const OTHER_CALLS = /^(loss|loss_logits_per_text|text_features|image_features)$/

interface TowerBackend {
  readonly name: string
  readonly tolerances: Tolerances
  load(folder: string): Promise<TowerModel>
}

const chromium = new ChromiumModels()
afterAll(() => chromium[Symbol.asyncDispose]())

/** Chromium's WebGL runs on SwiftShader, which computes in IEEE float32. */
const IN_CHROMIUM = {
  wasm: 'tfjs (wasm in Chromium, float32)',
  webgl: 'tfjs (webgl on SwiftShader, float32)',
  webgpu: 'webgpu (Chromium, float32)',
} as const
const tolerancesOf = (part: string) => BACKENDS.find(({ name }) => name.includes(part))!.tolerances

const TOWER_BACKENDS: readonly TowerBackend[] = [
  ...BACKENDS.map(({ name, tolerances, Model }) => ({
    name,
    tolerances,
    load: (folder: string) => Model.fromPretrained(folder),
  })),
  ...(['wasm', 'webgl', 'webgpu'] as const).map((backend) => ({
    name: IN_CHROMIUM[backend],
    tolerances: tolerancesOf(backend === 'webgpu' ? 'webgpu' : 'wasm'),
    load: (folder: string) => chromium.load(folder, backend),
  })),
]

describe.each(TOWER_BACKENDS)('$name', (backend) => {
  const report = new ParityReport(backend)
  const cases = casesIn('towers')
  /** An engine, with all that it has compiled, ends with its last model: this one keeps it. */
  let keeper: TowerModel
  beforeAll(async () => {
    const { folder } = cases[0]!
    keeper = await backend.load(folder)
    await keeper.forward(await inputsOf(folder))
  })
  afterAll(async () => {
    await keeper.dispose()
    if (process.env.PARITY_REPORT) report.write()
  })

  describe.each(cases)('$name', ({ name: caseName, folder, forwardOptions }) => {
    /** Compares and returns what is too far off. */
    const compare = (name: string, given: Tensor | undefined, wanted: Tensor): string | undefined => {
      if (!given) return `${name} is missing`
      const worst = difference(given, wanted)
      report.note(caseName, name, worst)
      return violation(name, worst, backend.tolerances)
    }
    const load = () => backend.load(folder)

    it('gives every output of forward', async () => {
      const [model, inputs] = [await load(), await inputsOf(folder)]
      const output = await model.forward(inputs, {
        ...forwardOptions,
        outputHiddenStates: true,
        outputAttentions: true,
      })
      const named = namedOutputs(output)
      const expected = [...(await readSafetensors(`${folder}/expected.safetensors`))]
      const compared = expected.filter(([name]) => !OTHER_CALLS.test(name))
      expect(compared.length).toBeGreaterThan(8)
      expect(compared.map(([name, wanted]) => compare(name, named.get(name), wanted)).filter(Boolean)).toEqual([])
      // The fused attention, which gives way to the composite one above.
      const fused = namedOutputs(await model.forward(inputs, { ...forwardOptions }))
      const plain = compared.filter(([name]) => fused.has(name))
      expect(plain.length).toBeGreaterThanOrEqual(6)
      expect(plain.map(([name, wanted]) => compare(name, fused.get(name), wanted)).filter(Boolean)).toEqual([])
      await model.dispose()
    })

    it('gives features, normalised features and the loss', async () => {
      const [model, inputs] = [await load(), await inputsOf(folder)]
      const expected = await readSafetensors(`${folder}/expected.safetensors`)
      const want = (name: string) => expected.get(name) as Tensor
      const { interpolatePosEncoding } = forwardOptions as { interpolatePosEncoding?: boolean }
      const { pixelValues, ...text } = inputs
      const images = (normalize: boolean) =>
        model.getImageFeatures({ pixelValues }, { normalize, interpolatePosEncoding })
      const count = want('loss_logits_per_text').dims[0] as number
      const pairs = Object.fromEntries(
        Object.entries(inputs).map(([name, value]) => [name, firstRows(value as Tensor | undefined, count)]),
      ) as unknown as typeof inputs
      const { loss, logitsPerText } = await model.forward(pairs, { ...forwardOptions, returnLoss: true })
      expect(
        [
          compare('text_features', await model.getTextFeatures(text), want('text_features')),
          compare('image_features', await images(false), want('image_features')),
          compare('text_embeds', await model.getTextFeatures(text, { normalize: true }), want('text_embeds')),
          compare('image_embeds', await images(true), want('image_embeds')),
          compare('loss', loss, want('loss')),
          compare('logits_per_text', logitsPerText, want('loss_logits_per_text')),
        ].filter(Boolean),
      ).toEqual([])
      await model.dispose()
    })
  })
})
