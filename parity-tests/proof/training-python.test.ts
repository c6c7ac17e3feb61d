import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tensor, writeSafetensors } from '@dual-encoder/core'
import { CLIPModel, SiglipModel, VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { type Sample, Trainer, type TrainerOptions } from '@dual-encoder/train'
import { expect, it } from 'vitest'
import { smallModel } from '../src/small-training'
import { record } from './record'

/** Pythons with transformers, one or several (paths, separated as in PATH). */
const PYTHONS = (process.env.DUAL_ENCODER_PYTHONS ?? 'python3').split(delimiter)
const SCRIPT = fileURLToPath(new URL('../../tools/reference/check_saved.py', import.meta.url))
const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))
/** Made anew by every version; the older one misses them all the same. */
const BUFFER_OF_4_49 = /relative_position_index$/
const [STEPS, ROWS, LENGTH] = [20, 8, 16]

/** What is trained, all of it, in float32. */
const MODELS = {
  'vit + bert, from scratch': { of: VisionTextDualEncoderModel, folder: undefined },
  'swin + bert': { of: VisionTextDualEncoderModel, folder: 'towers/swin' },
  'siglip + xlm-roberta': { of: VisionTextDualEncoderModel, folder: 'towers/siglip-xlm-roberta' },
  'beit + roberta': { of: VisionTextDualEncoderModel, folder: 'towers/beit-roberta' },
  'a whole siglip': { of: SiglipModel, folder: 'families/siglip-mask' },
  'a whole clip': { of: CLIPModel, folder: 'families/clip' },
} as const

const data = Array.from({ length: 32 }, (_, n): Sample => ({
  key: String(n),
  image: { data: new Uint8Array(3).fill(n), width: 1, height: 1, channels: 3 },
  text: String(n),
}))

/** Pictures and texts of numbers, of the sizes that a model takes. */
function processorOf({ config }: VisionTextDualEncoderModel | SiglipModel | CLIPModel) {
  const { imageSize } = config.visionConfig as { imageSize?: number | readonly number[] }
  const { vocabSize = 0 } = config.textConfig as { vocabSize?: number }
  const size = typeof imageSize === 'number' ? imageSize : (imageSize?.[0] ?? 32)
  const ofPictures = (images: readonly { readonly data: Iterable<number> }[]) => {
    const values = images.flatMap(({ data: [n = 0] }) =>
      Array.from({ length: 3 * size * size }, (_, i) => Math.sin(i * (0.01 + 0.003 * n) + n)),
    )
    return { pixelValues: tensor(Float32Array.from(values), [images.length, 3, size, size]) }
  }
  const ofTexts = (texts: readonly string[]) => {
    const ids = texts.flatMap((text) =>
      Array.from({ length: LENGTH }, (_, i) => 4 + ((Number(text) * 7 + i * i) % (vocabSize - 5))),
    )
    const dims = [texts.length, LENGTH]
    const inputIds = tensor(BigInt64Array.from(ids, BigInt), dims)
    return { inputIds, attentionMask: tensor(new BigInt64Array(ids.length).fill(1n), dims) }
  }
  const processor: TrainerOptions['processor'] = (inputs) =>
    Promise.resolve('images' in inputs ? ofPictures(inputs.images) : ofTexts(inputs.text))
  return { processor, ofPictures, ofTexts }
}

interface Checked {
  readonly versions: Readonly<Record<string, string>>
  readonly results: Readonly<Record<string, { readonly keys: readonly string[]; readonly difference: number }>>
}

it('Python loads what a Trainer trained, and gives the same logits', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-trained-'))
  const trained: Record<string, { losses: [first: number, last: number]; largestLogit: number }> = {}
  for (const [name, { of, folder: from }] of Object.entries(MODELS)) {
    const model = from ? await of.fromPretrained(`${FIXTURES}${from}`) : await smallModel()
    const { processor, ofPictures, ofTexts } = processorOf(model)
    const output = join(folder, name)
    const losses: number[] = []
    const optimizer = { name: 'adamw', lr: 1e-3 } as const
    const trainer = new Trainer({
      model,
      processor,
      data,
      batchSize: 16,
      steps: STEPS,
      optimizer,
      output,
      progress: false,
    })
    await trainer.run({ onStep: ({ loss }) => void losses.push(loss) })
    await model.dispose()
    // As anybody loads it again.
    const again = await of.fromPretrained(output)
    const numbers = Array.from({ length: ROWS }, (_, n) => n)
    const texts = ofTexts(numbers.map(String))
    const { pixelValues } = ofPictures(numbers.map((n) => ({ data: [n] })))
    const { logitsPerImage } = await again.forward({ ...texts, pixelValues })
    await again.dispose()
    const inputs = { input_ids: texts.inputIds, attention_mask: texts.attentionMask, pixel_values: pixelValues }
    await writeFile(join(output, 'inputs.safetensors'), writeSafetensors(inputs))
    await writeFile(join(output, 'expected.safetensors'), writeSafetensors({ logits_per_image: logitsPerImage }))
    const largestLogit = Math.max(...Array.from(logitsPerImage.data as Float32Array, Math.abs))
    trained[name] = { losses: [losses[0]!, losses.at(-1)!], largestLogit }
  }
  const checked: Checked[] = []
  for (const python of PYTHONS) {
    const { stdout } = await promisify(execFile)(python, [SCRIPT, folder])
    checked.push(JSON.parse(stdout.trim().split('\n').at(-1)!) as Checked)
  }
  await rm(folder, { recursive: true })
  const what = `trained for ${STEPS} steps, all parameters; losses of the first and the last step, the largest of ${ROWS} x ${ROWS} logits; by version of transformers, keys that are missing or unexpected and the largest difference of logits`
  await record('training-python', { what, trained, checked })
  for (const { results } of checked)
    for (const [name, { losses, largestLogit }] of Object.entries(trained)) {
      expect(losses[1], name).toBeLessThan(losses[0])
      expect(
        results[name]?.keys.filter((key) => !BUFFER_OF_4_49.test(key)),
        name,
      ).toEqual([])
      expect(results[name]?.difference, name).toBeLessThan(2e-6 * Math.max(1, largestLogit))
    }
}, 600_000)
