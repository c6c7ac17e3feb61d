import { sizeOf } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { floats, record, release, type WasmBackend, withView } from './heap'
import { transposeInto } from './transpose'

/** Right-hand sides of which XNNPACK keeps its own, packed copy. */
interface Kept {
  readonly shape: readonly number[]
  /** It has been packed, and its values are there only. */
  packed: boolean
}
const kept = new WeakMap<object, Kept>()

/**
 * Lets a `[in, out]` matrix live as XNNPACK packs it, until the tensor is disposed of. Others are packed anew by each
 * product. Its first product gives its own memory back: from then on it can be multiplied by, and not be read.
 */
export function keepPacked(matrix: tf.Tensor2D): void {
  kept.set(matrix.dataId, { shape: matrix.shape, packed: false })
}

type Native = (
  ...args: [
    a: number,
    aShape: Uint8Array,
    aRank: number,
    b: number,
    bShape: Uint8Array,
    bRank: number,
    transposeA: number,
    transposeB: number,
    out: number,
  ]
) => void

const natives = new WeakMap<WasmBackend, Native>()

function nativeOf(backend: WasmBackend): Native {
  let native = natives.get(backend)
  if (!native) {
    const args = ['number', 'array', 'number', 'number', 'array', 'number', 'number', 'number', 'number']
    native = backend.wasm.cwrap('BatchMatMul', null, args) as Native
    natives.set(backend, native)
  }
  return native
}

const bytes = (...shape: number[]): Uint8Array => new Uint8Array(Int32Array.from(shape).buffer)

/** For each item of the batch `outer`, that of an operand whose batch `inner` is broadcast to it. */
function batchIndices(outer: readonly number[], inner: readonly number[]): number[] {
  return Array.from({ length: sizeOf(outer) }, (_, item) => {
    let [index, stride, rest] = [0, 1, item]
    for (let back = 1; back <= outer.length; back++) {
      const size = outer.at(-back)!
      const own = inner.at(-back) ?? 1
      if (own !== 1) index += (rest % size) * stride
      stride *= own
      rest = Math.floor(rest / size)
    }
    return index
  })
}

/** `[..., rows, columns]` -> `[..., columns, rows]`, in new memory. */
function transposed(backend: WasmBackend, x: tf.TensorInfo): tf.TensorInfo {
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  const result = backend.makeOutput([...x.shape.slice(0, -2), columns, rows], 'float32')
  transposeInto(floats(backend, x), floats(backend, result), rows, columns)
  return result
}

/** a `[m, k]` times b `[k, n]`. */
interface Sizes {
  readonly m: number
  readonly k: number
  readonly n: number
}

/** Operands as they lie in memory, nothing transposed any more. */
function multiply(backend: WasmBackend, a: tf.TensorInfo, b: tf.TensorInfo, out: tf.TensorInfo, sizes: Sizes): void {
  const native = nativeOf(backend)
  const [from, by, to] = [record(backend, a), record(backend, b), record(backend, out)]
  const { m, k, n } = sizes
  const call = (rows: number, aId: number, bId: number, outId: number) =>
    native(aId, bytes(1, rows, k), 3, bId, bytes(1, k, n), 3, 0, 0, outId)

  if (sizeOf(b.shape) === k * n && sizeOf(a.shape) === sizeOf(out.shape.slice(0, -1)) * k) {
    // One right-hand side for all: the batch is only more rows.
    const rows = sizeOf(a.shape) / k
    const own = kept.get(b.dataId)
    if (own?.shape[0] !== k || own.shape[1] !== n)
      return withView(backend, by.offset, k * n, (bId) => call(rows, from.id, bId, to.id))
    call(rows, from.id, by.id, to.id)
    if (!own.packed) release(backend, b)
    own.packed = true
    return
  }
  const outer = out.shape.slice(0, -2)
  const [aItems, bItems] = [batchIndices(outer, a.shape.slice(0, -2)), batchIndices(outer, b.shape.slice(0, -2))]
  const view = (offset: number, size: number, item: number, use: (id: number) => void) =>
    withView(backend, offset + 4 * size * item, size, use)
  for (let item = 0; item < aItems.length; item++)
    view(from.offset, m * k, aItems[item]!, (aId) =>
      view(by.offset, k * n, bItems[item]!, (bId) => view(to.offset, m * n, item, (outId) => call(m, aId, bId, outId))),
    )
}

/**
 * `BatchMatMul`: a `[..., m, k]` times b `[..., k, n]`, either with its last two axes swapped.
 * The stock kernel leaves XNNPACK for a scalar loop where there is a transpose or a batch; and XNNPACK knows
 * what it has packed by id alone, so a right-hand side that comes back reshaped would abort the module.
 */
export const batchMatMul =
  (stock: tf.KernelFunc): tf.KernelFunc =>
  (args) => {
    const { a, b } = args.inputs as unknown as { a: tf.TensorInfo; b: tf.TensorInfo }
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return stock(args)
    const backend = args.backend as WasmBackend
    const { transposeA, transposeB } = (args.attrs ?? {}) as { transposeA?: boolean; transposeB?: boolean }
    const [k, m] = (transposeA ? a.shape.slice(-2) : a.shape.slice(-2).reverse()) as [number, number]
    const [n, inner] = (transposeB ? b.shape.slice(-2) : b.shape.slice(-2).reverse()) as [number, number]
    // The stock kernel has the message for it.
    if (k !== inner) return stock(args)
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    const out = backend.makeOutput([...batch, m, n], 'float32')
    if (k === 0) floats(backend, out).fill(0)
    if (k === 0 || sizeOf(out.shape) === 0) return out
    const left = transposeA ? transposed(backend, a) : a
    const right = transposeB ? transposed(backend, b) : b
    multiply(backend, left, right, out, { m, k, n })
    if (left !== a) backend.disposeData(left.dataId)
    if (right !== b) backend.disposeData(right.dataId)
    return out
  }
