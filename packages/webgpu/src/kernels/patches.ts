import * as tf from '@tensorflow/tfjs-core'
import { type Describe, ELEMENT, inputsOf, integers, overElements, type Shaped } from './kernel'

export const PATCHES = 'DualEncoderPatches'

export interface PatchesAttrs {
  readonly height: number
  readonly width: number
}

/** Pixels `[B, C, H, W]` -> `[B * patches, C * height * width]`, patch by patch, row by row. */
export const patchesKernel: Describe<{ pixels: Shaped }, PatchesAttrs> = ({ pixels }, { height, width }) => {
  const [batch = 1, channels = 1, H = 1, W = 1] = pixels.shape
  const [down, across] = [Math.floor(H / height), Math.floor(W / width)]
  const [patches, inner] = [batch * down * across, channels * height * width]
  return {
    name: PATCHES,
    variant: [height, width],
    inputs: inputsOf({ pixels }),
    result: { shape: [patches, inner] },
    ...overElements(patches * inner),
    uniforms: integers({ down, across }),
    code: `
      fn main() {
        let i = ${ELEMENT};
        if (i >= uniforms.outShape.x * uniforms.outShape.y) { return; }
        let tile = i / uniforms.outShape.y;
        let at = i % uniforms.outShape.y;
        let image = tile / (uniforms.down * uniforms.across);
        let row = (tile / uniforms.across) % uniforms.down * ${height} + (at / ${width}) % ${height};
        let column = tile % uniforms.across * ${width} + at % ${width};
        let channel = at / ${height * width};
        let size = uniforms.pixelsShape;
        result[i] = pixels[((image * size.y + channel) * size.z + row) * size.w + column];
      }`,
  }
}

export const patchesGradient: tf.GradConfig = {
  kernelName: PATCHES,
  inputsToSave: ['pixels'],
  gradFunc: (dy, [pixels], attrs) => {
    const { height, width } = attrs as unknown as PatchesAttrs
    const [batch, channels, H, W] = (pixels as tf.Tensor4D).shape
    const [down, across] = [Math.floor(H / height), Math.floor(W / width)]
    return {
      pixels: () => {
        const split = tf.reshape(dy as tf.Tensor, [batch, down, across, channels, height * width])
        const byChannel = tf.reshape(tf.transpose(split, [0, 3, 1, 2, 4]), [
          batch * channels,
          down,
          across,
          height,
          width,
        ])
        const whole = tf.reshape(tf.transpose(byChannel, [0, 1, 3, 2, 4]), [
          batch,
          channels,
          down * height,
          across * width,
        ])
        const [right, bottom] = [W - across * width, H - down * height]
        return tf.pad(whole, [
          [0, 0],
          [0, 0],
          [0, bottom],
          [0, right],
        ])
      },
    }
  },
}
