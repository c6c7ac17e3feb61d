import { MemoMap } from '@dual-encoder/core/backend'
import { GraphBuilder, MICROSOFT } from '../graph/builder'
import type { OnnxOptions } from '../options'
import { openSession, runSession } from '../session'
import type { Int8Element } from './plan'

const SIZE = 64
/** The largest byte, and the largest int8. */
const [BYTE, INT8] = [255, 127]

const known = new MemoMap<string, Int8Element>()

/**
 * What the engine multiplies bytes by without loss. On processors of AVX2 or AVX-512 without VNNI it adds products of bytes and
 * int8 in 16 bits, where two of them in a row can be more than that holds, and what is above is lost; those of bytes and
 * bytes it adds in 32. Asked once of each of its providers.
 */
export function int8Element(options: OnnxOptions): Promise<Int8Element> {
  return known.get(options.executionProviders?.join() ?? '', async () => ((await isExact(options)) ? 'int8' : 'uint8'))
}

/** Whether the largest sums of bytes times int8 come out right. */
async function isExact(options: OnnxOptions): Promise<boolean> {
  const graph = new GraphBuilder('exact')
  const x = graph.input('x', 'float32', [SIZE, SIZE])
  const data = new Uint8Array(SIZE * SIZE).fill(INT8)
  const weight = graph.initializer({ name: 'weight', element: 'int8', dims: [SIZE, SIZE], data })
  const one = graph.float(1)
  const y = graph.node(
    'MatMulIntegerToFloat',
    [graph.node('QuantizeLinear', [x, one]), weight, one, one],
    {},
    MICROSOFT,
  )
  const model = graph.build(new Map([['y', { value: y, dims: [SIZE, SIZE] }]]))
  const opened = await openSession([], new Map(), options, () => model)
  try {
    const given = new Float32Array(SIZE * SIZE).fill(BYTE)
    const { y: sums } = await runSession(opened, { x: new opened.engine.Tensor('float32', given, [SIZE, SIZE]) })
    return (sums?.data as Float32Array)[0] === BYTE * INT8 * SIZE
  } finally {
    await opened.session.release()
  }
}
