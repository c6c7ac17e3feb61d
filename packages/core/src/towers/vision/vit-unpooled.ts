import type { Init } from '../../ops/ops'
import { gridOf, pairOf } from '../grid'
import { waves } from '../positions'
import type { VisionTowerModule } from '../tower'
import { VIT_STATE_DICT } from './state-dict-names'
import { MASK_TOKEN, vitForward } from './vit'
import type { ViTMAEConfig, ViTMSNConfig } from './vit.config'

/** Assran et al.'s ViT-MSN (transformers' `ViTMSNModel`). */
export const vitMsn: VisionTowerModule<ViTMSNConfig> = {
  kind: 'vision',
  modelType: 'vit_msn',
  otherNames: VIT_STATE_DICT,
  staleNames: [MASK_TOKEN],
  suits: () => ({ pooling: 'cls', because: 'its own classifier takes the class token' }),
  forward: (ops, w, config, inputs, taps) =>
    vitForward(ops, w, config, inputs, taps, { init: { kind: 'zeros' }, unpooled: true }),
}

/** Sines and cosines, and zeros for the class token. */
const wavePositions = ({ imageSize, patchSize, hiddenSize }: ViTMAEConfig): Init => ({
  kind: 'values',
  values: () => {
    const { data } = waves(gridOf(pairOf(imageSize), patchSize), hiddenSize)
    return Float32Array.from([...new Float32Array(hiddenSize), ...data])
  },
})

/** The encoder of He et al.'s masked autoencoder (transformers' `ViTMAEModel`), with no patch masked. */
export const vitMae: VisionTowerModule<ViTMAEConfig> = {
  kind: 'vision',
  modelType: 'vit_mae',
  otherNames: VIT_STATE_DICT,
  suits: () => ({ pooling: 'mean', because: 'its patches were trained to be decoded, its class token was not' }),
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, numChannels, patchSize } = config
    const [height, width] = pairOf(patchSize)
    const std = (2 / (D + numChannels * height * width)) ** 0.5
    return vitForward(ops, w, config, inputs, taps, {
      positions: wavePositions(config),
      patches: { kind: 'uniform', std },
      unpooled: true,
    })
  },
}
