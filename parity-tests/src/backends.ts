import type { DualEncoderModel, LoadedModel, ModelClass } from '@dual-encoder/core'
import * as onnx from '@dual-encoder/onnx'

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
    fromPretrained(source: string, options?: object): Promise<DualEncoderModel>
    fromVisionTextPretrained(vision: string, text: string, options?: object): Promise<DualEncoderModel>
  }
  readonly tolerances: Tolerances
}

/** Every backend, held to the same cases. */
export const BACKENDS: readonly Backend[] = [
  {
    name: 'onnx (cpu, float32)',
    Model: onnx.VisionTextDualEncoderModel,
    tolerances: { embeds: 2e-6, logits: 2e-5, hidden: 1e-5, loss: 1e-6 },
  },
]

export type { LoadedModel }
