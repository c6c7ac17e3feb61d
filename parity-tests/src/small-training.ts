import { tensor, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { type OnnxOptions, VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { lit, type Sample, type TrainableModel, Trainer, type TrainerOptions } from '@dual-encoder/train'

/* What pages and Node train alike: small towers on sixty-four pictures with captions. */
export const STEPS = 50
const IMAGE = 16
const TOWER = { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64 }
const JSON_CONFIG = {
  vision_config: { model_type: 'vit', ...TOWER, image_size: IMAGE, patch_size: 8 },
  text_config: { model_type: 'bert', ...TOWER, vocab_size: 100, max_position_embeddings: 16 },
  projection_dim: 16,
}

export const smallConfig = () => VisionTextDualEncoderConfig.fromJSON(JSON_CONFIG)

export const data = Array.from({ length: 64 }, (_, n): Sample => {
  const pixels = Uint8Array.from({ length: IMAGE * IMAGE * 3 }, (_, i) => (n * 37 + i * ((n % 7) + 1)) % 256)
  return { key: String(n), image: { data: pixels, width: IMAGE, height: IMAGE, channels: 3 }, text: String(n) }
})

const processor: TrainerOptions['processor'] = (inputs) => {
  if ('images' in inputs) {
    const values = inputs.images.flatMap(({ data }) => [...data.subarray(0, IMAGE * IMAGE * 3)])
    const pixels = Float32Array.from(values, (value) => value / 127.5 - 1)
    return Promise.resolve({ pixelValues: tensor(pixels, [inputs.images.length, 3, IMAGE, IMAGE]) })
  }
  const ids = inputs.text.flatMap((text) => [1, 10 + Number(text), 10 + ((Number(text) * 7) % 64), 2].map(BigInt))
  return Promise.resolve({ inputIds: tensor(BigInt64Array.from(ids), [inputs.text.length, 4]) })
}

export const smallModel = (options: OnnxOptions = {}): Promise<VisionTextDualEncoderModel> =>
  VisionTextDualEncoderModel.fromConfig(smallConfig(), { ...options, seed: 19 })

/** That model on another backend: `fromConfig` of its class. */
export type SmallModel = TrainableModel & { dispose(): Promise<void> }

export const smallTrainer = (model: TrainableModel, options: Partial<TrainerOptions> = {}): Trainer =>
  new Trainer({
    model,
    processor,
    data,
    batchSize: 16,
    steps: STEPS,
    optimizer: { name: 'adamw', lr: 1e-3 },
    positives: 'diagonal',
    progress: false,
    ...options,
  })

/** Losses of the steps that were run, up to `until`; those before lie in `output`. Disposes of the model. */
export async function losses(
  model: SmallModel,
  more: Partial<TrainerOptions> = {},
  until = more.steps ?? STEPS,
  onStep: (step: number) => unknown = () => undefined,
): Promise<[step: number, loss: number][]> {
  const stop = new AbortController()
  const found: [number, number][] = []
  const running = smallTrainer(model, { ...lit('LU'), resume: true, ...more }).run({
    signal: stop.signal,
    onStep: ({ step, loss }) => {
      found.push([step, loss])
      onStep(step)
      if (step === until && until < (more.steps ?? STEPS)) stop.abort()
    },
  })
  await running.catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  await model.dispose()
  return found
}
