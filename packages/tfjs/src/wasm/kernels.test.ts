import '@tensorflow/tfjs-backend-cpu'
import type { WeightEntry } from '@dual-encoder/core/backend'
import '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { activate } from '../activations'
import { registerGradients } from '../gradients'
import { KeptWeights } from '../weights'
import type { WasmBackend } from './heap'
import { fusedActivation, installWasmKernels, keepPacked, weightTensor } from './index'

beforeAll(async () => {
  registerGradients()
  tf.env().set('IS_TEST', true) // no advertisement
  await tf.setBackend('cpu')
  await tf.setBackend('wasm')
  expect(installWasmKernels()).toBe(true)
})

/** Values in [-1, 1), the same for a seed. */
function noise(shape: readonly number[], seed: number): Float32Array {
  let state = seed
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next)
}

interface Result {
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

/** What `compute` returns on one backend, read. */
function on(backend: 'cpu' | 'wasm', compute: () => tf.Tensor[]): Result[] {
  void tf.setBackend(backend)
  return tf.tidy(() => compute().map((x) => ({ shape: x.shape, values: [...x.dataSync()] })))
}

function expectSame(compute: () => tf.Tensor[], tolerance: number, reference = compute): void {
  const [wanted, given] = [on('cpu', reference), on('wasm', compute)]
  given.forEach(({ shape, values }, i) => {
    expect(shape).toEqual(wanted[i]!.shape)
    const worst = values.reduce((most, value, at) => Math.max(most, Math.abs(value - wanted[i]!.values[at]!)), 0)
    expect(worst).toBeLessThanOrEqual(tolerance)
  })
}

const SIZES = [
  [1, 1, 1],
  [3, 5, 7],
  [33, 65, 31],
  [197, 64, 48],
] as const

const BATCHES: readonly (readonly [number[], number[]])[] = [
  [[], []],
  [[3], [3]],
  [[3], [1]],
  [[1], [3]],
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], []],
  [[], [2, 3]],
  [
    [2, 1],
    [1, 3],
  ],
  [[3], [2, 3]],
]

describe('matMul', () => {
  const flags = [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const

  describe.each(flags)('transposeA %s, transposeB %s', (ta, tb) => {
    it.each(BATCHES)('batches %j and %j: values and both gradients are those of the cpu backend', (aBatch, bBatch) => {
      for (const [m, k, n] of SIZES) {
        const aShape = [...aBatch, ...(ta ? [k, m] : [m, k])]
        const bShape = [...bBatch, ...(tb ? [n, k] : [k, n])]
        const outer = tf.broadcast_util.assertAndGetBroadcastShape(aBatch, bBatch)
        const repeated = (x: tf.Tensor) => tf.mul(x, tf.ones([...outer, 1, 1]))
        const compute = (before: (x: tf.Tensor) => tf.Tensor) => () => {
          const a = tf.tensor(noise(aShape, m), aShape)
          const b = tf.tensor(noise(bShape, n), bShape)
          const y = (p: tf.Tensor, q: tf.Tensor) => tf.matMul(before(p), before(q), ta, tb)
          const weights = tf.tensor(noise([...outer, m, n], k), [...outer, m, n])
          return [y(a, b), ...tf.grads((p, q) => tf.sum(tf.mul(y(p as tf.Tensor, q as tf.Tensor), weights)))([a, b])]
        }
        // The cpu backend mixes up batches that are both broadcast: it is given them repeated.
        expectSame(
          compute((x) => x),
          2e-5,
          compute(repeated),
        )
      }
    })
  })

  it.each([
    [
      [0, 3],
      [3, 2],
    ],
    [
      [2, 0],
      [0, 3],
    ],
    [
      [2, 3],
      [3, 0],
    ],
    [
      [0, 2, 3],
      [0, 3, 2],
    ],
  ])('empty sizes: %j times %j', (aShape, bShape) => {
    expectSame(() => [tf.matMul(tf.zeros(aShape), tf.zeros(bShape))], 0)
  })

  // XNNPACK's cache knows a right-hand side by its id and not by its shape: stock aborts the module.
  it('a right-hand side may come again in another shape', () => {
    const compute = () => {
      const [a, b] = [tf.tensor(noise([5, 4], 1), [5, 4]), tf.tensor2d(noise([4, 6], 2), [4, 6])]
      const other = tf.tensor(noise([3, 8], 3), [3, 8])
      const product = () => tf.matMul(a, b)
      return [product(), tf.matMul(other, tf.reshape(b, [8, 3])), product()]
    }
    expectSame(compute, 1e-6)
  })

  it('one that is kept packed can be multiplied by, and not be read', () => {
    const compute = () => {
      const [a, b] = [tf.tensor(noise([5, 4], 1), [5, 4]), tf.tensor2d(noise([4, 6], 2), [4, 6])]
      const batch = tf.tensor(noise([2, 3, 4], 3), [2, 3, 4])
      keepPacked(b)
      const products = [tf.matMul(a, b), tf.matMul(batch, b), tf.matMul(a, b)]
      if (tf.getBackend() === 'wasm') expect(() => tf.matMul(a, tf.reshape(b, [2, 4, 3]))).toThrow(/kept packed/)
      return products
    }
    expectSame(compute, 1e-6)
  })

  it('kept packed, weights take the memory of one copy', async () => {
    await tf.setBackend('wasm')
    const { wasm } = tf.backend() as unknown as WasmBackend
    const x = tf.ones([1, 1024]) as tf.Tensor2D
    const data = new Float32Array(1024 * 1024).fill(1 / 1024)
    const weights = new Map<string, tf.Tensor>()
    const before = wasm.HEAPU8.length
    const count = 64
    for (let index = 0; index < count; index++) {
      const entry = { name: `${index}.weight`, shape: [1024, 1024] } as unknown as WeightEntry
      weights.set(entry.name, weightTensor(entry, data))
      weights.set(`${index}.bias`, tf.zeros([1024]))
    }
    const kept = new KeptWeights(weights, true)
    for (let index = 0; index < count; index++)
      tf.tidy(() => {
        const { matrix } = kept.matrix({ name: `${index}.weight`, shape: [1024, 1024], init: { kind: 'zeros' } })
        expect(tf.matMul(x, matrix).dataSync()[0]).toBeCloseTo(1)
      })
    const grown = wasm.HEAPU8.length - before
    kept.dispose()
    x.dispose()
    // The engine asks for a fifth, or 96 MiB, more than it needs.
    expect(grown).toBeLessThan(1.3 * count * data.byteLength)
  })

  it('says what stock says of products that do not fit', () => {
    void tf.setBackend('wasm')
    tf.tidy(() => {
      expect(() => tf.matMul(tf.zeros([2, 3]), tf.zeros([4, 2]))).toThrow(/must match/)
    })
  })

  it('leaves no memory behind, tensors or ids', () => {
    void tf.setBackend('wasm')
    const before = [tf.memory().numTensors, tf.memory().numDataBuffers]
    tf.tidy(() => void tf.matMul(tf.ones([2, 3, 4]), tf.ones([2, 5, 4]), false, true))
    expect([tf.memory().numTensors, tf.memory().numDataBuffers]).toEqual(before)
  })
})

describe('the gradient of gather', () => {
  it.each([
    [7, 5, 3],
    [50, 200, 16],
    [1, 4, 1],
  ])('adds up what went to each of %i rows from %i ids', (rows, ids, width) => {
    expectSame(() => {
      const index = tf.tensor1d(
        Array.from({ length: ids }, (_, i) => (i * 7) % rows),
        'int32',
      )
      const weights = tf.tensor(noise([ids, width], 5), [ids, width])
      const loss = (table: tf.Tensor) => tf.sum(tf.mul(tf.gather(table, index), weights))
      return [tf.grad(loss)(tf.tensor(noise([rows, width], 6), [rows, width]))]
    }, 1e-5)
  })

  it('leaves out ids that name no row', () => {
    void tf.setBackend('wasm')
    const sums = tf.tidy(() =>
      tf.unsortedSegmentSum(tf.tensor2d([1, 2, 3, 4], [4, 1]), tf.tensor1d([0, -1, 1, 0], 'int32'), 3).dataSync(),
    )
    expect([...sums]).toEqual([5, 3, 0])
  })
})

describe.each(['gelu', 'gelu_tanh', 'quick_gelu'] as const)('%s', (name) => {
  /** Float64, by the definition; the error function by its series. */
  const erf = (x: number): number => {
    if (Math.abs(x) > 6) return Math.sign(x)
    let [sum, term] = [0, x]
    for (let n = 0; n < 200; n++) {
      sum += term
      term *= (2 * x * x) / (2 * n + 3)
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
  }
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
  const exact = (x: number): number => {
    if (name === 'gelu') return (x * (1 + erf(x * Math.SQRT1_2))) / 2
    if (name === 'quick_gelu') return x * sigmoid(1.702 * x)
    return x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))
  }
  const points = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 100)

  it('is right to float32 over [-20, 20], and its slope', () => {
    void tf.setBackend('wasm')
    const [values, slopes] = tf.tidy(() => {
      const x = tf.tensor1d(points)
      const y = fusedActivation(x, name) as tf.Tensor
      const slope = tf.grad((at: tf.Tensor) => tf.sum(fusedActivation(at, name) as tf.Tensor))(x)
      return [y.dataSync(), slope.dataSync()]
    })
    points.forEach((x, i) => {
      const wanted = exact(x)
      expect(Math.abs(values![i]! - wanted)).toBeLessThan(1e-9 + 6e-8 * Math.abs(wanted))
      const slope = (exact(x + 1e-4) - exact(x - 1e-4)) / 2e-4
      expect(Math.abs(slopes![i]! - slope)).toBeLessThan(3e-7)
    })
  })

  it('keeps what is not finite as the definition does', () => {
    const [given] = on('wasm', () => [
      fusedActivation(tf.tensor1d([NaN, Infinity, -Infinity, 1e30]), name) as tf.Tensor,
    ])
    expect(given!.values[0]).toBeNaN()
    expect(given!.values[1]).toBe(Infinity)
    expect(given!.values[2]).toBeNaN()
    expect(given!.values[3]).toBe(Math.fround(1e30))
  })

  it('agrees with the composed form that other backends run', () => {
    expectSame(
      () => [fusedActivation(tf.tensor1d(points), name) as tf.Tensor],
      5e-6,
      () => [activate(tf.tensor1d(points), name)],
    )
  })
})
