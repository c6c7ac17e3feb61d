import { sizeOf } from '@dual-encoder/core/backend'
import { describe, expect, it } from 'vitest'
import { KERNELS } from '.'
import type { Describe, Kernel, Shaped } from './kernel'

/** What WebGPU promises of every device. */
const LIMITS = {
  invocations: 256,
  storageBuffers: 8,
  uniformBytes: 65536,
  workgroupBytes: 16384,
  workgroupsPerAxis: 65535,
}
const BYTES: Readonly<Record<string, number>> = { f32: 4, 'vec4<f32>': 16 }

const float = (...shape: number[]): Shaped => ({ shape, dtype: 'float32' })
const int = (...shape: number[]): Shaped => ({ shape, dtype: 'int32' })

/** One use: its kernel, tensors and attributes, and how many of the result's elements a workgroup writes along an axis. */
interface Use {
  readonly kernel: string
  readonly tensors: Readonly<Record<string, Shaped>>
  readonly attrs?: object
  /** Extent and share of a workgroup on each axis; one entry where workgroups are counted over both axes. */
  readonly axes: readonly (readonly [extent: number, share: number])[]
}

const attention = { heads: 3, scale: 0.3, offsets: [0, 0, 0], half: false }
const qkv = (make: typeof float, width: number) => ({
  q: make(2, 37, width),
  k: make(2, 41, width),
  v: make(2, 41, width),
})
const linear = { offset: 0, transposed: false, activation: 'linear', half: false }
const frame = { window: { x0: -3, x1: 34, y0: 0, y1: 29 }, size: { width: 31, height: 29 }, normalization: {} }

const USES: readonly Use[] = [
  { kernel: 'DualEncoderActivation', tensors: { x: float(3, 7) }, attrs: { name: 'gelu' }, axes: [[21, 64]] },
  { kernel: 'DualEncoderActivation', tensors: { x: float(5, 52) }, attrs: { name: 'mish' }, axes: [[65, 64]] },
  // More workgroups than one axis takes.
  { kernel: 'DualEncoderActivation', tensors: { x: float(4194305) }, attrs: { name: 'tanh' }, axes: [[4194305, 64]] },
  {
    kernel: 'DualEncoderActivationGrad',
    tensors: { x: float(3, 43), dy: float(3, 43) },
    attrs: { name: 'gelu_tanh' },
    axes: [[129, 64]],
  },
  { kernel: 'Softplus', tensors: { x: float(1) }, axes: [[1, 64]] },
  {
    kernel: 'DualEncoderLayerNorm',
    tensors: { x: float(3, 5, 7), weight: float(7), bias: float(7) },
    attrs: { eps: 1e-5 },
    axes: [[15, 1]],
  },
  {
    kernel: 'DualEncoderAddLayerNorm',
    tensors: { x: float(3, 5, 7), residual: float(3, 5, 7), weight: float(7), bias: float(7) },
    attrs: { eps: 1e-5 },
    axes: [[15, 1]],
  },
  { kernel: 'DualEncoderL2Normalize', tensors: { x: float(70001, 3) }, axes: [[70001, 1]] },
  ...[undefined, 'Masked', 'Biased', 'MaskedBiased'].map((form = ''): Use => {
    return {
      kernel: `DualEncoderAttention${form}`,
      tensors: {
        ...qkv(float, 39),
        ...(form.startsWith('Masked') && { mask: int(2, 41) }),
        ...(form.endsWith('Biased') && { bias: float(3, 37, 41) }),
      },
      attrs: { ...attention, hidden: 39 },
      axes: [
        [37, 32],
        [3, 1],
        [2, 1],
      ],
    }
  }),
  // The widest heads that it takes, side by side and in float16.
  {
    kernel: 'DualEncoderAttention',
    tensors: qkv(int, (3 * 384) / 2),
    attrs: { ...attention, hidden: 384, offsets: [0, 384, 768], half: true },
    axes: [
      [37, 32],
      [3, 1],
      [2, 1],
    ],
  },
  {
    kernel: 'DualEncoderFrame',
    tensors: { picture: int(13, 17, 3) },
    attrs: { placement: { ...frame, resample: 'bicubic' } },
    axes: [
      [37, 8],
      [29, 8],
    ],
  },
  { kernel: 'DualEncoderHalve', tensors: { x: float(7, 38) }, axes: [[133, 64]] },
  { kernel: 'DualEncoderWiden', tensors: { x: int(7, 19) }, axes: [[133, 64]] },
  ...([1, 3, 9, 30, 65] as const).flatMap((rows) =>
    [false, true].map((half): Use => ({
      kernel: 'DualEncoderLinear',
      tensors: { x: float(rows, 20), matrix: int(20, 22), bias: float(44), ...(half ? {} : { scale: float(44) }) },
      attrs: { ...linear, width: 44, activation: 'quick_gelu', half },
      // Fours of columns; and rows, of which an invocation has up to 8.
      axes: [
        [11, 8],
        [rows, { 1: 1, 3: 4, 9: 16, 30: 32, 65: 64 }[rows]],
      ],
    })),
  ),
  {
    kernel: 'DualEncoderLinear',
    tensors: { x: float(65, 12), matrix: float(36, 12) },
    attrs: { ...linear, width: 36, transposed: true },
    axes: [
      [9, 8],
      [65, 64],
    ],
  },
  {
    kernel: 'DualEncoderPatches',
    tensors: { pixels: float(2, 3, 13, 17) },
    attrs: { height: 3, width: 5 },
    axes: [[2 * 4 * 3 * 45, 64]],
  },
  ...[float(11, 6), int(11, 3)].map((table): Use => ({
    kernel: 'DualEncoderRows',
    tensors: { ids: int(3, 7), table, before: float(3, 7, 6) },
    attrs: { start: 5, width: 6 },
    axes: [[126, 64]],
  })),
]

const described = ({ kernel, tensors, attrs = {} }: Use): Kernel =>
  (KERNELS[kernel] as Describe<Use['tensors']>)(tensors, attrs)
const read = (code: string, name: string): boolean => new RegExp(`(?<![\\w.])${name.replace('.', '\\.')}\\b`).test(code)
/** Of `uniforms.name` in the code. */
const uniformsRead = (code: string): string[] => [...code.matchAll(/\buniforms\.(\w+)/g)].map(([, name]) => name!)

describe('a kernel is a description that is read without a device', () => {
  it('of every kernel', () => {
    expect(new Set(USES.map(({ kernel }) => kernel))).toEqual(new Set(Object.keys(KERNELS)))
  })

  it.each(USES.map((use, i) => [i, use.kernel, use] as const))('%i: %s', (_, name, use) => {
    const kernel = described(use)
    const { inputs, result, others = [], uniforms = [], workgroup, groups, code } = kernel
    expect(kernel.name).toBe(name)

    // What WebGPU allows on every device.
    expect(workgroup[0] * workgroup[1]).toBeLessThanOrEqual(LIMITS.invocations)
    expect(Math.max(...groups)).toBeLessThanOrEqual(LIMITS.workgroupsPerAxis)
    expect(Math.min(...groups)).toBeGreaterThan(0)
    expect(inputs.length + others.length + 1).toBeLessThanOrEqual(LIMITS.storageBuffers)
    const shared = [...code.matchAll(/var<workgroup> \w+: array<(.+), (\d+)>;/g)]
    expect(shared.length).toBe(code.split('var<workgroup>').length - 1)
    const bytes = shared.reduce((sum, [, type, count]) => sum + BYTES[type!]! * Number(count), 0)
    expect(bytes).toBeLessThanOrEqual(LIMITS.workgroupBytes)

    // What is declared is read, or WebGPU's automatic layout lacks it; what is read is declared.
    for (const input of inputs) expect(read(code, input.name), input.name).toBe(true)
    for (const array of ['result', ...others.map(({ name }) => name)])
      expect(code, array).toMatch(new RegExp(`\\b${array}\\[[^=]*\\] = `))
    for (const { name } of uniforms) expect(uniformsRead(code), name).toContain(name)
    const declared = [...uniforms.map(({ name }) => name), ...inputs.map(({ name }) => `${name}Shape`), 'outShape']
    for (const name of uniformsRead(code)) expect(declared).toContain(name)
    expect(uniformsRead(code).length).toBeGreaterThan(0)
    expect(code).toMatch(/fn main\(\) \{/)

    // Arrays hold whole elements, under whatever shape the code knows them.
    const { view = result.shape, width = 1 } = result
    expect(sizeOf(view)).toBe(sizeOf(result.shape))
    expect(sizeOf(view) % width).toBe(0)
    for (const { name, shape, width = 1 } of inputs) expect(sizeOf(shape) % width, name).toBe(0)

    // The workgroups reach the whole result, and none is in vain.
    const counted = use.axes.length === 1 ? [groups[0] * groups[1]] : [...groups]
    use.axes.forEach(([extent, share], axis) => {
      expect(counted[axis]! * share).toBeGreaterThanOrEqual(extent)
      const spare = use.axes.length === 1 ? groups[1] - 1 : 0
      expect((counted[axis]! - 1 - spare) * share).toBeLessThan(extent)
    })
  })
})
