import { BackendError, float32Of, type Param, readInGroups, type WeightEntry } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { keepPacked } from './wasm'

/** Where ops find a tower's weights. */
export interface TensorWeights {
  /** A weight, or the rows of it that are meant, in the checkpoint's layout. */
  value(param: Param): tf.Tensor
  /** A layer's weight for `x W`: `[in, out]`, or `[out, in]` to be multiplied transposed. */
  matrix(param: Param): { readonly matrix: tf.Tensor2D; readonly transposed: boolean }
  /** What `compute` makes of a table for images of `size`, as far as it is kept. */
  resized?(table: Param, size: string, compute: () => tf.Tensor): tf.Tensor
}

const missing = (name: string): never => {
  throw new BackendError('no-weight', `There is no weight "${name}".`)
}

const rowsOf = (whole: tf.Tensor, { rows, shape }: Param): tf.Tensor => {
  if (!rows) return whole
  const rest = shape.slice(1)
  return tf.slice(whole, [rows[0], ...rest.map(() => 0)], [rows[1] - rows[0], ...rest])
}

/** `[out, in]`; a patch embedding's channels, rows and columns are one axis. */
const asMatrix = (weight: tf.Tensor): tf.Tensor2D => tf.reshape(weight, [weight.shape[0] ?? 1, -1])

/** A tree of parameters by their names in the checkpoint, in its layouts. Differentiable. */
export class TreeWeights implements TensorWeights {
  constructor(private readonly tree: Readonly<Record<string, tf.Tensor>>) {}

  value(param: Param): tf.Tensor {
    return rowsOf(this.tree[param.name] ?? missing(param.name), param)
  }

  matrix(param: Param): { matrix: tf.Tensor2D; transposed: boolean } {
    return { matrix: asMatrix(this.value(param)), transposed: true }
  }
}

const matrixKey = ({ name, rows }: Param): string => `${name}[${rows?.join(':') ?? ''}]`

/** An encoder's weights for inference: matrices are kept as `[in, out]`, made when first asked for. */
export class KeptWeights implements TensorWeights {
  readonly #matrices = new Map<string, tf.Tensor2D>()
  readonly #parts = new Map<string, tf.Tensor>()
  /** Of each table the last. */
  readonly #resized = new Map<string, { readonly size: string; readonly table: tf.Tensor }>()

  /** @param packed keep the matrices as the engine packs them, where it does */
  constructor(
    protected readonly tensors: Map<string, tf.Tensor>,
    private readonly packed = false,
  ) {}

  value(param: Param): tf.Tensor {
    const whole = this.tensors.get(param.name) ?? missing(param.name)
    if (!param.rows) return whole
    const key = `${param.name}[${param.rows.join(':')}]`
    const known = this.#parts.get(key)
    if (known) return known
    const part = tf.keep(rowsOf(whole, param))
    this.#parts.set(key, part)
    return part
  }

  matrix(param: Param): { matrix: tf.Tensor2D; transposed: boolean } {
    const key = matrixKey(param)
    let matrix = this.#matrices.get(key)
    if (!matrix) {
      const whole = this.tensors.get(param.name) ?? missing(param.name)
      matrix = tf.keep(tf.tidy(() => tf.transpose(asMatrix(rowsOf(whole, param)))))
      this.#matrices.set(key, matrix)
      if (this.packed) keepPacked(matrix)
      // The one copy is the transposed one, unless other rows of it are still to be asked for.
      if (!param.rows) {
        this.tensors.delete(param.name)
        whole.dispose()
      }
    }
    return { matrix, transposed: false }
  }

  resized({ name }: Param, size: string, compute: () => tf.Tensor): tf.Tensor {
    const known = this.#resized.get(name)
    if (known?.size === size) return known.table
    known?.table.dispose()
    this.#resized.delete(name)
    const table = tf.keep(tf.tidy(compute))
    this.#resized.set(name, { size, table })
    return table
  }

  /** Frees a matrix of which another copy is kept. */
  protected forget(param: Param): void {
    const key = matrixKey(param)
    this.#matrices.get(key)?.dispose()
    this.#matrices.delete(key)
  }

  dispose(): void {
    tf.dispose([...this.#resized.values()].map(({ table }) => table))
    this.#resized.clear()
    for (const map of [this.tensors, this.#matrices, this.#parts]) {
      tf.dispose([...map.values()])
      map.clear()
    }
  }
}

export interface LoadHooks {
  /** Makes the tensor of a weight, or keeps it in another place and makes none. */
  readonly tensorOf?: (entry: WeightEntry, data: Float32Array) => tf.Tensor | undefined
  /** After each few weights: what is still underway need not add up. */
  readonly afterGroup?: () => Promise<void>
}

/**
 * Reads weights a few at a time and hands each to the engine, so that loading takes little more than
 * one copy. `onTurn` runs before tensors are made, in the same turn.
 */
export async function loadTensors(
  entries: Iterable<WeightEntry>,
  onTurn: () => void,
  { tensorOf = ({ shape }, data) => tf.tensor(data, shape as number[]), afterGroup }: LoadHooks = {},
): Promise<Map<string, tf.Tensor>> {
  const tensors = new Map<string, tf.Tensor>()
  try {
    for await (const group of readInGroups(entries)) {
      for (const [entry, value] of group) {
        const data = float32Of(value)
        onTurn()
        const made = tensorOf(entry, data)
        // Kept: a scope that the program has open must not take them along when it ends.
        if (made) tensors.set(entry.name, tf.keep(made))
      }
      await afterGroup?.()
    }
  } catch (error) {
    tf.dispose([...tensors.values()])
    throw error
  }
  return tensors
}
