import { readSafetensors, type Tensor, type Warning } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/webgpu'
import { describe, expect, it } from 'vitest'
import { casesIn, inputsOf } from './fixtures'
import { keepEngine } from './keep-engine'

const CASES = casesIn('towers').filter(({ name }) =>
  /^(vit-bert|beit-roberta|clip-bert|dinov2-swiglu|siglip-xlm-roberta|odd-heads|chinese-clip-roberta|deit-camembert)$/.test(
    name,
  ),
)

/** The smallest cosine of a row of embeddings with PyTorch's float32 one. */
function smallestCosine(given: Tensor, wanted: Tensor): number {
  const [rows = 1, width = 1] = wanted.dims
  const [a, b] = [given.data as Float32Array, wanted.data as Float32Array]
  const cosines = Array.from({ length: rows }, (_, row) => {
    let dot = 0
    for (let i = row * width; i < (row + 1) * width; i++) dot += a[i]! * b[i]!
    return dot
  })
  return Math.min(...cosines)
}

describe('webgpu in float16', () => {
  keepEngine((folder) => VisionTextDualEncoderModel.fromPretrained(folder))

  it.each(CASES)('$name is near float32, or says that a tower stays in float32', async ({ folder, forwardOptions }) => {
    const warnings: Warning[] = []
    const options = { dtype: 'float16', onWarning: (warning: Warning) => void warnings.push(warning) } as const
    const model = await VisionTextDualEncoderModel.fromPretrained(folder, options)
    const expected = await readSafetensors(`${folder}/expected.safetensors`)
    const { imageEmbeds, textEmbeds } = await model.forward(await inputsOf(folder), forwardOptions)
    for (const [name, given] of Object.entries({ image_embeds: imageEmbeds, text_embeds: textEmbeds })) {
      const wanted = expected.get(name)!
      // The canary's sample is another input, so there is room below its 0.999.
      expect(smallestCosine(given, wanted), name).toBeGreaterThan(0.998)
      const kept = warnings.some(({ message }) => message.includes(name === 'image_embeds' ? 'vision' : 'text'))
      if (!kept) expect([...given.data]).not.toEqual([...wanted.data])
    }
    await model.dispose()
  })
})
