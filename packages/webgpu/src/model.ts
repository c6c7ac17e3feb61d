import { type LoadedModel, type LoadedTower, tensor, type VisionBatch } from '@dual-encoder/core'
import { EngineModel, EngineTower } from '@dual-encoder/tfjs/engine-api'
import { sampleOf } from './canary'
import { WebGpuEngine } from './engine'
import { WEBGPU_OPTIONS, type WebGpuOptions } from './options'

/** transformers' `VisionTextDualEncoderModel` on WebGPU. */
export class VisionTextDualEncoderModel extends EngineModel<WebGpuEngine> {
  static readonly engineOptions: readonly string[] = WEBGPU_OPTIONS

  constructor(loaded: LoadedModel, options: WebGpuOptions = {}) {
    super(loaded, new WebGpuEngine(options))
  }

  protected override another(loaded: LoadedModel): this {
    return new VisionTextDualEncoderModel(loaded, this.engine.options) as this
  }

  /** What the GPU says it is; undefined before `ready` or the first run. */
  get adapterInfo(): GPUAdapterInfo | undefined {
    return this.engine.device?.adapterInfo
  }

  /** The device that runs this model, to share it with other work; undefined before `ready` or the first run. */
  get device(): GPUDevice | undefined {
    return this.engine.device?.gpuDevice
  }

  /** Opens another device after a loss (error code `device-lost`), and loads there what was loaded. */
  async recover(options: { device?: GPUDevice } = {}): Promise<void> {
    await this.engine.recover(options.device)
    await this.reload()
  }

  /** Loads the weights and compiles what a batch of these sizes needs, by running one. */
  async warmUp({ images = 1, texts = 1, length = 16 }: WarmUp = {}): Promise<void> {
    const { vision, text } = this.loaded
    const repeated = async (count: number, { pixelValues }: VisionBatch) => {
      const { data, dims } = pixelValues
      const all = new Float32Array(count * data.length)
      for (let i = 0; i < count; i++) all.set(data, i * data.length)
      await this.getImageFeatures({ pixelValues: tensor(all, [count, ...dims.slice(1)]) })
    }
    if (images > 0) await repeated(images, sampleOf(vision) as VisionBatch)
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
