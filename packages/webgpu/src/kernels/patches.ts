import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import { runKernel, spread } from './program'

export const PATCHES = 'DualEncoderPatches'

export interface PatchesAttrs {
  readonly height: number
  readonly width: number
}

/** Pixels `[B, C, H, W]` -> `[B * patches, C * height * width]`, patch by patch, row by row. */
export const patchesKernel =
  (backend: DeviceBackend): tf.KernelFunc =>
  ({ inputs, attrs }) => {
    const pixels = inputs.pixels as tf.TensorInfo
    const { height, width } = attrs as unknown as PatchesAttrs
    const [batch = 1, channels = 1, H = 1, W = 1] = pixels.shape
    const [down, across] = [Math.floor(H / height), Math.floor(W / width)]
    const inner = channels * height * width
    const shape = [batch * down * across, inner]
    return runKernel(backend, {
      kernel: PATCHES,
      variant: [height, width],
      inputs: [{ name: 'pixels', tensor: pixels }],
      shape,
      workgroup: [64, 1],
      groups: spread(Math.ceil(tf.util.sizeFromShape(shape) / 64)),
      uniforms: [
        { declare: 'down: i32', value: down },
        { declare: 'across: i32', value: across },
      ],
      code: `
        fn main() {
          let i = i32((workgroupId.y * numWorkgroups.x + workgroupId.x) * 64u + localId.x);
          if (i >= uniforms.outShape.x * uniforms.outShape.y) { return; }
          let tile = i / uniforms.outShape.y;
          let place = i % uniforms.outShape.y;
          let image = tile / (uniforms.down * uniforms.across);
          let row = (tile / uniforms.across) % uniforms.down * ${height} + (place / ${width}) % ${height};
          let column = tile % uniforms.across * ${width} + place % ${width};
          let channel = place / ${height * width};
          let size = uniforms.pixelsShape;
          result[i] = pixels[((image * size.y + channel) * size.z + row) * size.w + column];
        }`,
    })
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
