import { beforeAll, describe, expect, it } from 'vitest'
import { tensor } from '../base/tensor'
import { type Batch, encode, type EncoderSpec } from '../models/encoder'
import { VisionTextDualEncoderConfig } from '../models/dual-encoder-config'
import { textBatch, visionBatch } from '../models/inputs'
import { initializeModel, type LoadedModel } from '../models/load'
import { encoderLayers } from '../models/parameters'
import { ViTConfig } from '../towers/vision/vit.config'
import { MPNetConfig } from '../towers/text/mpnet.config'
import type { DrawFactors } from './autodiff/tape'
import type { Traced } from './autodiff/record'
import { Tape } from './autodiff/tape'
import { HostOps, type HostValue } from './host/host-ops'

const size = { hiddenSize: 8, numHiddenLayers: 3, numAttentionHeads: 2, intermediateSize: 12 }
const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
  new ViTConfig({ ...size, imageSize: 8, patchSize: 4, hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1 }),
  new MPNetConfig({ ...size, vocabSize: 30, maxPositionEmbeddings: 12 }),
  { projectionDim: 6 },
)
const onHost = ({ inputs, ...rest }: Batch): Batch<HostValue> => ({
  ...(rest as Pick<Batch, 'imageSize'>),
  inputs: Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, new HostOps().constant(x)])),
})
const ids = (values: readonly number[]) => tensor(BigInt64Array.from(values, BigInt), [2, 4])

let model: LoadedModel
let batches: Readonly<Record<'vision' | 'text', Batch<HostValue>>>
let weights: ReadonlyMap<string, Awaited<ReturnType<NonNullable<ReturnType<LoadedModel['weights']['get']>>['read']>>>
beforeAll(async () => {
  model = await initializeModel(config, 3)
  const pixels = Float32Array.from({ length: 384 }, (_, i) => Math.sin(i))
  const inputs = { inputIds: ids([4, 5, 6, 7, 8, 9, 1, 1]), attentionMask: ids([1, 1, 1, 1, 1, 1, 0, 0]) }
  batches = {
    vision: onHost(visionBatch(model.vision, { pixelValues: tensor(pixels, [2, 3, 8, 8]) }, false)),
    text: onHost(textBatch(model.text, inputs)),
  }
  weights = new Map(
    await Promise.all([...model.weights].map(async ([name, entry]) => [name, await entry.read()] as const)),
  )
})

/** Runs an encoder, and says which weights it asked for. */
function run(encoder: EncoderSpec, batch: Batch<HostValue>, request: Parameters<typeof encode>[3]) {
  const asked = new Set<string>()
  const ops = new HostOps((name) => {
    asked.add(name)
    return weights.get(name)
  })
  return { output: encode(ops, encoder, batch, request), asked }
}

describe.each(['vision', 'text'] as const)('a %s tower', (kind) => {
  it.each([0, 1, 3])('that is entered at layer %i reads no weight below, and gives the same', (at) => {
    const encoder = model[kind]
    const { layerOf } = encoderLayers(encoder)
    const whole = run(encoder, batches[kind], { embeds: true })
    const below = run(encoder, batches[kind], { entering: { at } })
    const hidden = below.output.entering!
    const above = run(encoder, { ...batches[kind], entering: { at, hidden } }, { embeds: true })
    whole.output.embeds!.data.forEach((value, i) => expect(above.output.embeds!.data[i]).toBeCloseTo(value, 12))
    const isTable = (name: string) => name.includes('relative_attention_bias')
    const wanted = [...whole.asked].filter((name) => (layerOf.get(name) ?? 9) >= at || (isTable(name) && at < 3))
    expect([...above.asked].sort()).toEqual(wanted.sort())
    // What is asked for is not gone beyond either.
    expect([...below.asked].filter((name) => (layerOf.get(name) ?? 9) >= at)).toEqual([])
  })
})

it('drops above a layer that is entered as it drops there in the whole tower', () => {
  const { vision } = model
  const { layerOf } = encoderLayers(vision)
  const learns = (name: string) => (layerOf.get(name) ?? 9) >= 2
  const drawn = (entering?: Batch<HostValue>['entering']) => {
    const found: number[] = []
    const draw: DrawFactors<HostValue> = (index, dims) => {
      found.push(index)
      return tensor(
        new Float64Array(dims.reduce((a, b) => a * b, 1)).map((_, i) => ((i * index) % 3) / 2),
        dims,
        'float64',
      )
    }
    const tape = new Tape(new HostOps((name) => weights.get(name)), learns)
    tape.dropBy(draw)
    const traced = (value: HostValue): Traced<HostValue> => ({ value })
    const batch = {
      imageSize: batches.vision.imageSize,
      inputs: { pixelValues: traced(batches.vision.inputs.pixelValues!) },
      ...(entering && { entering: { at: entering.at, hidden: traced(entering.hidden) } }),
    }
    const { embeds } = encode(tape, vision, batch, { embeds: true })
    return { found, values: [...embeds!.value.data] }
  }
  const hidden = run(vision, batches.vision, { entering: { at: 2 } }).output.entering!
  const whole = drawn()
  expect(whole.found.length).toBeGreaterThan(1)
  expect(Math.min(...whole.found)).toBeGreaterThan(4)
  const above = drawn({ at: 2, hidden })
  expect(above.found).toEqual(whole.found)
  whole.values.forEach((value, i) => expect(above.values[i]).toBeCloseTo(value, 12))
})
