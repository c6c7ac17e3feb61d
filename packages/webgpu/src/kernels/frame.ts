import type { Placement } from '@dual-encoder/core'
import { type Describe, floats, inputsOf, integers, type Shaped } from './kernel'

export const FRAME = 'DualEncoderFrame'

/** Weights of source pixels by their distance, in pixels of the smaller of source and result. */
const FILTERS = {
  bilinear: { support: 1, code: 'return max(0.0, 1.0 - d);' },
  bicubic: {
    support: 2,
    code: `if (d < 1.0) { return (1.5 * d - 2.5) * d * d + 1.0; }
      if (d < 2.0) { return ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0; }
      return 0.0;`,
  },
} as const

/** Resampling that the kernel does. */
export const isFrameFilter = (name: string): name is keyof typeof FILTERS => Object.hasOwn(FILTERS, name)

/** Of one axis: `from` is the source's size, `to` the resized one's. */
const axis = (name: string, from: string, to: string): string => `
  let ${name}Scale = f32(${from}) / f32(${to});
  let ${name}Filter = max(${name}Scale, 1.0);
  let ${name}Centre = (f32(${name}) + 0.5) * ${name}Scale;
  let ${name}First = max(0, i32(floor(${name}Centre - SUPPORT * ${name}Filter + 0.5)));
  let ${name}Last = min(${from}, i32(floor(${name}Centre + SUPPORT * ${name}Filter + 0.5)));`

/**
 * A picture `[H, W, 3]` of int32 bytes as a processor prepares it: resized with antialiasing, cropped, rounded to bytes,
 * normalised -> `[1, 3, height, width]`. In float32, where Pillow and torchvision round twice in integers.
 */
export const frameKernel: Describe<{ picture: Shaped }, { placement: Placement }> = ({ picture }, { placement }) => {
  const { size, resample, window, normalization } = placement
  const { support, code } = FILTERS[resample as keyof typeof FILTERS]
  const { factor = 1, mean = [0, 0, 0], std = [1, 1, 1] } = normalization
  const [height, width] = [window.y1 - window.y0, window.x1 - window.x0]
  return {
    name: FRAME,
    variant: [resample],
    inputs: inputsOf({ picture }),
    result: { shape: [1, 3, height, width] },
    workgroup: [8, 8],
    groups: [Math.ceil(width / 8), Math.ceil(height / 8), 1],
    uniforms: [
      ...floats({ factor, ...named('mean', mean), ...named('std', std) }),
      ...integers({ left: window.x0, top: window.y0, across: size.width, down: size.height }),
    ],
    code: `
        const SUPPORT = ${support}.0;
        fn weight(distance: f32) -> f32 { let d = abs(distance); ${code} }
        fn main() {
          let height = uniforms.outShape.z;
          let width = uniforms.outShape.w;
          let column = i32(globalId.x);
          let row = i32(globalId.y);
          if (column >= width || row >= height) { return; }
          let x = column + uniforms.left;
          let y = row + uniforms.top;
          var color = vec3<f32>(0.0);
          if (x >= 0 && y >= 0 && x < uniforms.across && y < uniforms.down) {
            let H = uniforms.pictureShape.x;
            let W = uniforms.pictureShape.y;
            ${axis('x', 'W', 'uniforms.across')}
            ${axis('y', 'H', 'uniforms.down')}
            var total = 0.0;
            for (var j = yFirst; j < yLast; j++) {
              let down = weight((f32(j) + 0.5 - yCentre) / yFilter);
              for (var i = xFirst; i < xLast; i++) {
                let w = down * weight((f32(i) + 0.5 - xCentre) / xFilter);
                let at = (j * W + i) * 3;
                color += w * vec3<f32>(f32(picture[at]), f32(picture[at + 1]), f32(picture[at + 2]));
                total += w;
              }
            }
            color = clamp(floor(color / total + 0.5), vec3<f32>(0.0), vec3<f32>(255.0));
          }
          let mean = vec3<f32>(uniforms.mean0, uniforms.mean1, uniforms.mean2);
          let deviation = vec3<f32>(uniforms.std0, uniforms.std1, uniforms.std2);
          let normalized = (color * uniforms.factor - mean) / deviation;
          for (var channel = 0; channel < 3; channel++) {
            result[(channel * height + row) * width + column] = normalized[channel];
          }
        }`,
  }
}

const named = (name: string, values: readonly number[]): Record<string, number> =>
  Object.fromEntries(values.map((value, i) => [`${name}${i}`, value]))
