import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Tensor, tensor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'
import { expect, it } from 'vitest'
import { inputsOf } from './fixtures'
import { WASM } from './wasm'

const TOWERS = fileURLToPath(new URL('../fixtures/towers/', import.meta.url))
/** A tower of each kind, at its own size and at others where positions come in between the layers. */
const NAMES =
  /^(vit-bert|beit-roberta|clip-bert|aimv2|albert-groups|data2vec-vision-other-size|deberta|deberta-v2|dinov2-registers|dinov3-other-size|mlcd|mobilebert|modernbert|mpnet|nomic-bert|swin|convnext|dinov3-convnext|efficientnet|regnet-y|resnet|siglip|xlm-roberta-xl|chinese-clip-roberta)$/
const names = readdirSync(TOWERS).filter((name) => NAMES.test(name))
/** Towers whose layers cannot be entered. */
const WHOLE = /swin|deberta|mobilebert/

/** A run that changes nothing, for its embeddings. */
const noStep = () => expect.unreachable('no step is made')
const rule = { slots: [], numbers: [], clip: noStep, update: noStep }

const furthest = (a: Tensor, b: Tensor): number => {
  expect(a.dims).toEqual(b.dims)
  return (a.data as Float32Array).reduce((most, x, i) => Math.max(most, Math.abs(x - (b.data[i] as number))), 0)
}

it.each(names)('%s: what lies below a layer, and the layers above it, make the whole', async (name) => {
  const model = await VisionTextDualEncoderModel.fromPretrained(`${TOWERS}${name}`, { onWarning: () => undefined })
  const inputs = await inputsOf(`${TOWERS}${name}`)
  const run = await model.train({ trained: ['logit_scale'], rule })
  const eager = await tfjs.VisionTextDualEncoderModel.fromPretrained(`${TOWERS}${name}`, {
    ...WASM,
    onWarning: () => undefined,
  })
  const eagerRun = await eager.train({ trained: ['logit_scale'], rule })
  const whole = {
    vision: await model.getImageFeatures(inputs, { normalize: true }),
    text: await model.getTextFeatures(inputs, { normalize: true }),
  }
  for (const [kind, side] of [
    ['vision', 'image'],
    ['text', 'text'],
  ] as const) {
    const { count } = model.layersOf(kind)
    expect(count > 0, kind).toBe(!WHOLE.test(model.config[`${kind}Config`].modelType))
    const given = kind === 'text' ? inputs : {}
    const imageSize = inputs.pixelValues.dims.slice(2) as [number, number]
    for (const at of count > 0 ? [0, count - 1, count] : []) {
      const hidden = await model.outputBelow(kind, inputs, at)
      const embeds = await run.embed(kind, { ...given, [`${side}Entering`]: { at, hidden, imageSize } })
      expect(furthest(embeds, whole[kind]), `${kind} at ${at}`).toBeLessThan(2e-6)
      if (at !== count - 1) continue
      const entering = { at, hidden: await eager.outputBelow(kind, inputs, at), imageSize }
      const found = await eagerRun.embed(kind, { ...given, [`${side}Entering`]: entering })
      expect(furthest(found, whole[kind]), `${kind} on tfjs`).toBeLessThan(1e-5)
    }
    const pooled = await model.outputBelow(kind, inputs, 'pooled')
    const rows = tensor(pooled.data, [pooled.dims[0]!, pooled.data.length / pooled.dims[0]!])
    expect(furthest(await run.embed(kind, { [`${side}Pooled`]: rows }), whole[kind])).toBeLessThan(2e-6)
  }
  await Promise.all([run.dispose(), eagerRun.dispose()])
  await Promise.all([model.dispose(), eager.dispose()])
})
