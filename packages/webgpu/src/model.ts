import type { ImageProcessor, Tensor } from '@dual-encoder/core'
import {
  checkOptions,
  checkPixelDims,
  InputError,
  type LoadedModel,
  type LoadedTower,
  OptionError,
  sampleOf,
  tensor,
} from '@dual-encoder/core/backend'
import { EngineModel, EngineTower, type TfjsRunner } from '@dual-encoder/tfjs/engine-api'
import * as tf from '@tensorflow/tfjs-core'
import { WebGpuEngine } from './engine'
import { type Frame, FRAME_OPTIONS, type FrameOptions, preparedFrames, uploadables } from './frames'
import { WEBGPU_OPTIONS, type WebGpuOptions } from './options'

/** A model with two towers on WebGPU. */
export abstract class WebGpuModel extends EngineModel<WebGpuEngine> {
  static readonly engineOptions: readonly string[] = WEBGPU_OPTIONS

  constructor(loaded: LoadedModel, options: WebGpuOptions = {}) {
    super(loaded, new WebGpuEngine(options))
  }

  /** What the GPU says it is; undefined before `ready` or the first run. */
  get adapterInfo(): GPUAdapterInfo | undefined {
    return this.engine.device?.adapterInfo
  }

  /** The device that runs this model, to share it with other work; undefined before `ready` or the first run. */
  get device(): GPUDevice | undefined {
    return this.engine.device?.gpuDevice
  }

  /**
   * `getImageFeatures` of pictures that the browser has decoded or is playing, prepared on the GPU as the processor
   * would: close to its pixels (a level of 255 or two), not equal to them. `[B, projectionDim]`
   */
  async getFrameFeatures(
    frames: Frame | readonly Frame[],
    imageProcessor: ImageProcessor,
    options: FrameOptions = {},
  ): Promise<Tensor<'float32'>> {
    checkOptions(options, FRAME_OPTIONS, 'getFrameFeatures')
    const list = Array.isArray(frames) ? (frames as readonly Frame[]) : [frames as Frame]
    if (list.length === 0) throw new InputError('frames-empty', 'No frames given. Give at least one.')
    const { normalize = false, signal } = options
    const wanted = normalize ? 'embeds' : 'features'
    const uploads = await uploadables(list)
    try {
      const inputs = () => {
        const pictures = uploads.map(({ picture }) => tf.browser.fromPixels(picture, 3))
        const pixelValues = preparedFrames(pictures, imageProcessor)
        const [, channels, height, width] = pixelValues.shape
        // Their sizes are checked as those of any pixels.
        checkPixelDims(this.loaded.vision, [list.length, channels, height, width], false)
        return { inputs: { pixelValues }, imageSize: [height, width] as const }
      }
      const runner = this.runner('vision') as TfjsRunner
      const output = await runner.run(inputs, { [wanted]: true }, { signal })
      return output[wanted] as Tensor<'float32'>
    } finally {
      for (const { close } of uploads) close()
    }
  }

  /** @throws OptionError where the weights may be float16: a run trains above what float32 gives */
  override async outputBelow(...args: Parameters<EngineModel<WebGpuEngine>['outputBelow']>) {
    const { dtype = 'float32' } = this.engine.options
    if (dtype !== 'float32')
      throw new OptionError(
        'bad-dtype',
        `What a locked tower gives is kept for training, which is in float32; dtype "${dtype}" was given. ` +
          "Load the model with dtype 'float32', or leave cache and patchDropout out.",
      )
    return super.outputBelow(...args)
  }

  /** Opens another device after a loss (error code `device-lost`), and loads there what was loaded. */
  async recover(options: { device?: GPUDevice } = {}): Promise<void> {
    await this.engine.recover(options.device)
    await this.reload()
  }

  /** Loads the weights and compiles what a batch of these sizes needs, by running one. */
  async warmUp({ images = 1, texts = 1, length = 16 }: WarmUp = {}): Promise<void> {
    const { vision, text } = this.loaded
    const repeated = async (count: number) => {
      const { data, dims } = sampleOf(vision).inputs.pixelValues as Tensor<'float32'>
      const all = new Float32Array(count * data.length)
      for (let i = 0; i < count; i++) all.set(data, i * data.length)
      await this.getImageFeatures({ pixelValues: tensor(all, [count, ...dims.slice(1)]) })
    }
    if (images > 0) await repeated(images)
    if (texts > 0) {
      const inputIds = new BigInt64Array(texts * length).fill(BigInt(text.config.padTokenId + 1))
      await this.getTextFeatures({ inputIds: tensor(inputIds, [texts, length]) })
    }
  }
}

/** Sizes to make ready for; 0 leaves a tower out. */
export interface WarmUp {
  images?: number
  texts?: number
  /** Tokens of a text. */
  length?: number
}

abstract class WebGpuTower extends EngineTower<WebGpuEngine> {
  static readonly engineOptions: readonly string[] = WEBGPU_OPTIONS

  constructor(loaded: LoadedTower, options: WebGpuOptions = {}) {
    super(loaded, new WebGpuEngine(options))
  }
}

/** A vision transformer: `await VisionTower.fromPretrained(folder)`. */
export class VisionTower extends WebGpuTower {
  static readonly kind = 'vision' as const
}

/** A text encoder: `await TextTower.fromPretrained(folder)`. */
export class TextTower extends WebGpuTower {
  static readonly kind = 'text' as const
}
