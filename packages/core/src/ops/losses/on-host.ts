import type { Tensor } from '../../base/tensor'
import { hostLossOps } from './host'
import * as losses from './losses'

/** CLIP's symmetric cross-entropy of host logits `[n, n]`. */
export const clipLoss = (logitsPerText: Tensor<'float32'>): number =>
  losses.clipLoss(hostLossOps, logitsPerText).data[0] as number

/** SigLIP's sigmoid loss of host logits `[n, n]`, bias included. */
export const siglipLoss = (logitsPerText: Tensor<'float32'>): number =>
  losses.siglipLoss(hostLossOps, logitsPerText).data[0] as number
