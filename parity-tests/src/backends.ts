import type { FromPretrainedOptions, SourceLike, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import type { DualEncoderModel, LoadedModel, ModelClass, TowerBase } from '@dual-encoder/core/backend'
import * as onnx from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'
import type { TfBackend } from '@dual-encoder/tfjs'
import * as webgpu from '@dual-encoder/webgpu'
import { WASM } from './wasm'

/** Largest differences from PyTorch's float32 that a backend may show. */
export interface Tolerances {
  /** Normalised embeddings, absolute. */
  readonly embeds: number
  /** Logits, absolute (ten times the embeddings', for their scale). */
  readonly logits: number
  /** Hidden states, attentions, pooled outputs and features: relative to the largest value of the tensor. */
  readonly hidden: number
  /** The contrastive loss, absolute. */
  readonly loss: number
}

export interface Backend {
  readonly name: string
  readonly Model: ModelClass<DualEncoderModel, Record<never, never>> & {
    fromPretrained(source: SourceLike, options?: object): Promise<DualEncoderModel>
    fromConfig(config: VisionTextDualEncoderConfig, options?: { seed?: number }): Promise<DualEncoderModel>
    fromVisionTextPretrained(
      vision: SourceLike | TowerBase,
      text: SourceLike | TowerBase,
      options?: object,
    ): Promise<DualEncoderModel>
  }
  /** The backend's `AutoModel.fromPretrained`. */
  loadAuto(source: SourceLike, options?: FromPretrainedOptions): Promise<DualEncoderModel | TowerBase>
  readonly tolerances: Tolerances
}

/** TensorFlow.js on one of its own backends. */
function tfjsOn(options: { backend: TfBackend; threads?: number }): Backend {
  class Model extends tfjs.VisionTextDualEncoderModel {
    constructor(loaded: LoadedModel) {
      super(loaded, options)
    }
  }
  return {
    name: `tfjs (${options.backend}, float32)`,
    Model,
    loadAuto: (source, others) => tfjs.AutoModel.fromPretrained(source, { ...others, ...options }),
    tolerances: { embeds: 5e-6, logits: 5e-5, hidden: 1e-5, loss: 1e-6 },
  }
}

/** Every backend, held to the same cases. */
export const BACKENDS: readonly Backend[] = [
  {
    name: 'onnx (cpu, float32)',
    Model: onnx.VisionTextDualEncoderModel,
    loadAuto: (source, options) => onnx.AutoModel.fromPretrained(source, options),
    tolerances: { embeds: 2e-6, logits: 2e-5, hidden: 1e-5, loss: 1e-6 },
  },
  tfjsOn({ backend: 'cpu' }),
  tfjsOn(WASM),
  {
    name: 'webgpu (float32)',
    Model: webgpu.VisionTextDualEncoderModel,
    loadAuto: (source, options) => webgpu.AutoModel.fromPretrained(source, options),
    tolerances: { embeds: 1e-5, logits: 1e-4, hidden: 1e-5, loss: 2e-6 },
  },
]
