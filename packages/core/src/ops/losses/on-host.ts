import { type Tensor, tensor } from '../../base/tensor'
import { HostOps } from '../host/host-ops'
import { clipLossOfLogits, diagonal, siglipLossOfLogits } from './training'

const ops = /* @__PURE__ */ new HostOps()

/** A loss of host logits, each row's positive its own, in float64. */
const onHost = (loss: typeof clipLossOfLogits) => (logitsPerText: Tensor<'float32'>) => {
  const positives = ops.constant(diagonal(logitsPerText.dims[0] ?? 1))
  return Math.fround(loss(ops, ops.constant(logitsPerText), positives).data[0] as number)
}

/** CLIP's symmetric cross-entropy of host logits `[n, n]`. */
export const clipLoss: (logitsPerText: Tensor<'float32'>) => number = /* @__PURE__ */ onHost(clipLossOfLogits)

/** SigLIP's sigmoid loss of host logits `[n, n]`, bias included. */
export const siglipLoss: (logitsPerText: Tensor<'float32'>) => number = /* @__PURE__ */ onHost(siglipLossOfLogits)

/** A family's loss of host logits, a scalar. */
export const lossOnHost = (loss: 'clip' | 'siglip', logitsPerText: Tensor<'float32'>): Tensor<'float32'> =>
  tensor(Float32Array.of({ clip: clipLoss, siglip: siglipLoss }[loss](logitsPerText)), [])
