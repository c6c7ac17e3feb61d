import { sizeOf, type Linear, type Param, type Projection, type WeightEntry } from '@dual-encoder/core/backend'
import { KeptWeights, loadTensors, makeCurrent } from '@dual-encoder/tfjs/engine-api'
import * as tf from '@tensorflow/tfjs-core'
import type { Device } from './device/device'
import { HALVE } from './kernels/halve'
import { isLinear } from './kernels/linear'

/** Columns of a matrix `[in, *]`. */
export interface Columns {
  readonly matrix: tf.Tensor2D
  readonly offset: number
  readonly width: number
}

/** Rows of a table, from row `start` on. */
export interface Shard {
  readonly table: tf.Tensor
  readonly start: number
}

export interface Packed {
  readonly columns: Columns
  readonly bias: tf.Tensor
}

const inner = ({ weight }: Pick<Linear, 'weight'>): number => sizeOf(weight.shape) / (weight.shape[0] ?? 1)
const width = ({ weight }: Pick<Linear, 'weight'>): number =>
  weight.rows ? weight.rows[1] - weight.rows[0] : (weight.shape[0] ?? 1)
const keyOf = ({ name, rows }: Param): string => `${name}[${rows?.join(':') ?? ''}]`

/**
 * An encoder's weights on the GPU: query, key and value side by side in one matrix, float16 where that is asked for,
 * and tables that no kernel could read as a whole in parts.
 */
export class GpuWeights extends KeptWeights {
  readonly #columns = new Map<string, Columns>()
  readonly #packed = new Map<string, Packed>()
  readonly #halves = new Map<string, tf.Tensor>()

  constructor(
    tensors: Map<string, tf.Tensor>,
    private readonly shards: Map<string, Shard[]>,
    /** Matrices, tables and what lies between the layers of a branch are float16. */
    readonly half: boolean,
  ) {
    super(tensors)
  }

  /** A layer's columns; undefined where the kernel for linear layers does not take it. */
  columns(layer: Pick<Linear, 'weight'>): Columns | undefined {
    const known = this.#columns.get(keyOf(layer.weight))
    if (known) return known
    const whole = { offset: 0, width: width(layer) }
    if (!isLinear(inner(layer), whole)) return undefined
    const columns = { ...whole, matrix: this.#kept(super.matrix(layer.weight).matrix) }
    this.#columns.set(keyOf(layer.weight), columns)
    return columns
  }

  /** Layers of the same input side by side. */
  joined(layers: readonly Projection[]): Packed | undefined {
    const key = layers.map(({ weight }) => keyOf(weight)).join()
    const known = this.#packed.get(key)
    if (known) return known
    const parts = layers.map((layer) => this.columns(layer))
    if (parts.some((part) => part === undefined)) return undefined
    const [matrix, bias] = tf.tidy(() => [
      tf.keep(tf.concat((parts as Columns[]).map(alone), 1)),
      tf.keep(tf.concat(layers.map((layer) => (layer.bias ? this.value(layer.bias) : tf.zeros([width(layer)]))))),
    ]) as [tf.Tensor2D, tf.Tensor]
    let offset = 0
    for (const layer of layers) {
      this.forget(layer.weight)
      this.#columns.get(keyOf(layer.weight))?.matrix.dispose()
      this.#columns.set(keyOf(layer.weight), { matrix, offset, width: width(layer) })
      offset += width(layer)
    }
    const packed = { columns: { matrix, offset: 0, width: offset }, bias }
    this.#packed.set(key, packed)
    return packed
  }

  /** A matrix of its own, as TensorFlow.js multiplies it. */
  override matrix(param: Param): { matrix: tf.Tensor2D; transposed: boolean } {
    const columns = this.#columns.get(keyOf(param))
    return columns ? { matrix: alone(columns), transposed: false } : super.matrix(param)
  }

  /** An embedding table, whole or in parts, float32 or halves in int32. */
  table(param: Param): readonly Shard[] {
    const shards = this.shards.get(param.name)
    if (shards) return shards
    const half = this.#halves.get(param.name)
    if (half) return [{ table: half, start: 0 }]
    const table = this.value(param)
    if (!this.half || (table.shape[1] ?? 1) % 2 !== 0) return [{ table, start: 0 }]
    const halves = halved(table)
    this.#halves.set(param.name, halves)
    this.tensors.delete(param.name)
    table.dispose()
    return [{ table: halves, start: 0 }]
  }

  /** The matrix as it stays. */
  #kept(matrix: tf.Tensor2D): tf.Tensor2D {
    if (!this.half) return matrix
    const halves = halved(matrix) as tf.Tensor2D
    matrix.dispose()
    return halves
  }

  override dispose(): void {
    super.dispose()
    tf.dispose([...this.#packed.values()].map(({ bias }) => bias))
    tf.dispose([...new Set([...this.#columns.values()].map(({ matrix }) => matrix))].filter((m) => !m.isDisposed))
    tf.dispose([...this.#halves.values(), ...[...this.shards.values()].flat().map(({ table }) => table)])
    for (const map of [this.#columns, this.#packed, this.#halves, this.shards]) map.clear()
  }
}

/** A layer's columns without those beside it, as they are kept. */
function alone({ matrix, offset, width }: Columns): tf.Tensor2D {
  const each = matrix.dtype === 'int32' ? 2 : 1
  if (offset === 0 && width / each === matrix.shape[1]) return matrix
  return tf.slice(matrix, [0, offset / each], [matrix.shape[0], width / each])
}

/** Two float16 in each int32. */
const halved = (x: tf.Tensor): tf.Tensor => tf.keep(tf.engine().runKernel(HALVE, { x }, {}) as tf.Tensor)

/** Reads weights onto a device, each as it comes. */
export async function loadGpuWeights(
  entries: Iterable<WeightEntry>,
  device: Device,
  half: boolean,
): Promise<GpuWeights> {
  const { backend, gpuDevice, largestBinding } = device
  const shards = new Map<string, Shard[]>()
  const uploaded = (data: Float32Array, shape: number[]): tf.Tensor => {
    const tensor = tf.keep(tf.tensor(data, shape))
    backend.pool.exact = true
    try {
      backend.uploadToGPU(tensor.dataId)
    } finally {
      backend.pool.exact = false
    }
    return tensor
  }
  const tensorOf = ({ name, shape }: WeightEntry, data: Float32Array): tf.Tensor | undefined => {
    if (data.byteLength <= largestBinding || shape.length !== 2) return uploaded(data, [...shape])
    const [rows = 1, columns = 1] = shape
    const count = Math.floor(largestBinding / (4 * columns))
    const parts: Shard[] = []
    shards.set(name, parts)
    for (let start = 0; start < rows; start += count) {
      const end = Math.min(rows, start + count)
      parts.push({ table: uploaded(data.subarray(start * columns, end * columns), [end - start, columns]), start })
    }
    return undefined
  }
  // Until the device has taken them over, uploads are in memory twice.
  const afterGroup = () => gpuDevice.queue.onSubmittedWorkDone()
  const turn = () => makeCurrent(device.name)
  try {
    return new GpuWeights(await loadTensors(entries, turn, { tensorOf, afterGroup }), shards, half)
  } catch (error) {
    tf.dispose([...shards.values()].flat().map(({ table }) => table))
    throw error
  }
}
