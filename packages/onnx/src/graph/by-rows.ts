import { GraphBuilder } from './builder'
import { withoutLastCopies } from './outputs'

/** Values of a block at most: with what is made of them on the way, about what two second-level caches hold. */
const BLOCK = 2 ** 18

/** Rows of a block: the most that divide all rows. */
function sizeOfBlocks(rows: number, width: number): number {
  let size = Math.max(1, Math.min(rows, Math.floor(BLOCK / width)))
  while (rows % size !== 0) size--
  return size
}

/**
 * Matrices `[rows, width]` in blocks of rows, each gone through as a whole: the engine's Scan reads blocks where they lie
 * and writes each in its place.
 * @param write the body, given the names of a block of each
 * @returns undefined where that is no gain: of few values, or rows in a number that nothing divides
 */
export function writeByRows(
  graph: GraphBuilder,
  matrices: readonly string[],
  [rows, width]: readonly [number, number],
  write: (body: GraphBuilder, blocks: readonly string[], rows: number) => readonly string[],
): string[] | undefined {
  const size = sizeOfBlocks(rows, width)
  if (size === rows || size * width < BLOCK / 4) return undefined
  const blocks = graph.ints([rows / size, size, width])
  const given = matrices.map((name) => graph.node('Reshape', [name, blocks]))
  const body = new GraphBuilder('rows', `${given[0]}.`)
  const inputs = given.map((_, i) => body.input(`${given[0]}.block_${i}`, 'float32', [size, width]))
  const ends = write(body, inputs, size).map(
    (value, i) => [`${given[0]}.made_${i}`, { value, dims: [size, width] }] as const,
  )
  const { graph: written } = withoutLastCopies(body.build(new Map(ends)))
  const wanted = ends.map(() => true)
  const attributes = { body: { graph: written }, num_scan_inputs: given.length }
  const made = graph.nodeWithOutputs('Scan', given, wanted, attributes)
  return made.map((name) => graph.node('Reshape', [name, graph.ints([rows, width])]))
}
