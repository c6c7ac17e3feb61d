import { readSafetensors, type Tensor } from '@dual-encoder/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS, type Tolerances } from './backends'
import { ChromiumModels, type TowerModel } from './chromium'
import { difference, namedOutputs } from './compare'
import { type Case, casesIn, configOf, firstRows, type ForwardTensors, inputsOf } from './fixtures'
import { keepEngine } from './keep-engine'
import { ParityReport } from './report'
import { violation } from './tolerances'

/** Fixtures may hold outputs of other calls under these names; they are compared by their own tests below. */
const OTHER_CALLS = /^(loss|loss_logits_per_text|text_features|image_features)$/

const ALL = casesIn('towers')

/** The last case of each tower: later ones are those with options. */
function oneForEachTower(): Case[] {
  const last = new Map<string, Case>()
  for (const each of ALL) {
    const { vision_config: vision, text_config: text } = configOf(each.folder)
    last.set(vision.model_type, each).set(text.model_type, each)
  }
  return [...new Set(last.values())]
}

interface TowerBackend {
  readonly name: string
  readonly cases: readonly Case[]
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

/** SwiftShader takes long. All of the cases are run for the report, and by `npm run proof`. */
const chromiumCases = process.env.PARITY_REPORT ? ALL : oneForEachTower()

const TOWER_BACKENDS: readonly TowerBackend[] = [
  ...BACKENDS.map(({ name, tolerances, Model }) => ({
    name,
    cases: ALL,
    tolerances,
    load: (folder: string) => Model.fromPretrained(folder),
  })),
  ...(['wasm', 'webgl', 'webgpu'] as const).map((backend) => ({
    name: IN_CHROMIUM[backend],
    cases: chromiumCases,
    tolerances: tolerancesOf(backend === 'webgpu' ? 'webgpu' : 'wasm'),
    load: (folder: string) => chromium.load(folder, backend),
  })),
]

describe.each(TOWER_BACKENDS)('$name', (backend) => {
  const report = new ParityReport(backend)
  keepEngine(backend.load)
  afterAll(() => process.env.PARITY_REPORT && report.write())

  describe.each(backend.cases)('$name', ({ name: caseName, folder, forwardOptions }) => {
    let model: TowerModel
    let inputs: ForwardTensors
    let expected: Map<string, Tensor>
    beforeAll(async () => {
      ;[model, inputs, expected] = await Promise.all([
        backend.load(folder),
        inputsOf(folder),
        readSafetensors(`${folder}/expected.safetensors`),
      ])
    })
    afterAll(() => model.dispose())

    /** Compares and returns what is too far off. */
    const compare = (name: string, given: Tensor | undefined, wanted: Tensor): string | undefined => {
      if (!given) return `${name} is missing`
      const worst = difference(given, wanted)
      report.note(caseName, name, worst)
      return violation(name, worst, backend.tolerances)
    }

    it('gives every output of forward', async () => {
      const output = await model.forward(inputs, {
        ...forwardOptions,
        outputHiddenStates: true,
        outputAttentions: true,
      })
      const named = namedOutputs(output)
      const compared = [...expected].filter(([name]) => !OTHER_CALLS.test(name))
      expect(compared.length).toBeGreaterThan(8)
      expect(compared.map(([name, wanted]) => compare(name, named.get(name), wanted)).filter(Boolean)).toEqual([])
      // The fused attention, which gives way to the composite one above.
      const fused = namedOutputs(await model.forward(inputs, { ...forwardOptions }))
      const plain = compared.filter(([name]) => fused.has(name))
      expect(plain.length).toBeGreaterThanOrEqual(6)
      expect(plain.map(([name, wanted]) => compare(name, fused.get(name), wanted)).filter(Boolean)).toEqual([])
    })

    it('gives features, normalised features and the loss', async () => {
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
    })
  })
})

describe.each(BACKENDS)('$name', ({ Model, tolerances }) => {
  it("takes ERNIE's tasks, and zeros where there are none", async () => {
    const { folder } = ALL.find(({ name }) => name === 'ernie-task')!
    const { pixelValues: _, ...text } = await inputsOf(folder)
    const wanted = await readSafetensors(`${folder}/task_types.safetensors`)
    const taskTypeIds = wanted.get('task_type_ids')!
    await using model = await Model.fromPretrained(folder)
    const features = await model.getTextFeatures({ ...text, taskTypeIds })
    expect(violation('text_features', difference(features, wanted.get('text_features')!), tolerances)).toBeUndefined()
    const beyond = { ...taskTypeIds, data: BigInt64Array.from(taskTypeIds.data as BigInt64Array, (id) => id + 1n) }
    await expect(model.getTextFeatures({ ...text, taskTypeIds: beyond })).rejects.toThrow(/taskTypeIds.*0 to 4/)
  })
})
