import { sizeOf } from '@dual-encoder/core/backend'
import { type Describe, ELEMENT, inputsOf, integers, overElements, type Shaped } from './kernel'

export const HALVE = 'DualEncoderHalve'
export const WIDEN = 'DualEncoderWiden'

/** x `[rows, columns]` float32, columns even -> `[rows, columns / 2]` int32, each holding two float16. */
export const halveKernel: Describe<{ x: Shaped }> = ({ x }) => {
  const [rows = 1, columns = 1] = x.shape
  const count = rows * (columns / 2)
  return {
    name: HALVE,
    variant: [],
    inputs: inputsOf({ x }),
    result: { shape: [rows, columns / 2], dtype: 'int32' },
    ...overElements(count),
    uniforms: integers({ count }),
    code: `
      fn main() {
        let i = ${ELEMENT};
        if (i < uniforms.count) {
          result[i] = bitcast<i32>(pack2x16float(vec2<f32>(x[2 * i], x[2 * i + 1])));
        }
      }`,
  }
}

/** The way back: x int32 `[..., columns / 2]` -> float32 `[..., columns]`. */
export const widenKernel: Describe<{ x: Shaped }> = ({ x }) => {
  const count = sizeOf(x.shape)
  return {
    name: WIDEN,
    variant: [],
    inputs: [{ name: 'x', shape: [1, count], dtype: x.dtype }],
    result: { shape: [...x.shape.slice(0, -1), 2 * (x.shape[x.shape.length - 1] ?? 1)], view: [1, 2 * count] },
    ...overElements(count),
    uniforms: integers({ count }),
    code: `
      fn main() {
        let i = ${ELEMENT};
        if (i < uniforms.count) {
          let pair = unpack2x16float(bitcast<u32>(x[i]));
          result[2 * i] = pair.x;
          result[2 * i + 1] = pair.y;
        }
      }`,
  }
}
