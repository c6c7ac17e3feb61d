import { sizeOf } from '@dual-encoder/core/backend'
import { type Describe, ELEMENT, inputsOf, integers, overElements, type Shaped } from './kernel'

export const ROWS = 'DualEncoderRows'

export interface RowsAttrs {
  /** The table's first row among those of the whole table. */
  readonly start: number
  readonly width: number
}

interface RowsTensors {
  readonly ids: Shaped
  readonly table: Shaped
  readonly before?: Shaped
}

/**
 * Rows of a part of an embedding table: ids `[B, L]`, table `[rows, width]` float32 or int32 (each holding two
 * float16), before `[B, L, width]` -> `before` with the rows that this part has.
 */
export const rowsKernel: Describe<RowsTensors, RowsAttrs> = ({ ids, table, before }, { start, width }) => {
  const half = table.dtype === 'int32'
  const shape = [...ids.shape, width]
  const count = sizeOf(shape)
  const value = half ? 'unpack2x16float(bitcast<u32>(table[at / 2]))[at % 2]' : 'table[at]'
  return {
    name: ROWS,
    variant: [half],
    inputs: inputsOf({ ids, table, before }),
    result: { shape },
    ...overElements(count),
    uniforms: integers({ start, width, count }),
    code: `
      fn main() {
        let i = ${ELEMENT};
        if (i >= uniforms.count) { return; }
        let row = ids[i / uniforms.width] - uniforms.start;
        if (row >= 0 && row < uniforms.tableShape.x) {
          let at = row * uniforms.width + i % uniforms.width;
          result[i] = ${value};
        } else {
          result[i] = ${before ? 'before[i]' : '0.0'};
        }
      }`,
  }
}
