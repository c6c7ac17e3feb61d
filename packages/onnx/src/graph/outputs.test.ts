import { expect, it } from 'vitest'
import { GraphBuilder } from './builder'
import { withoutLastCopies } from './outputs'

it('names outputs where they are computed, and copies what is an input or two outputs', () => {
  const graph = new GraphBuilder('copies')
  const x = graph.input('x', 'float32', [2])
  const sum = graph.node('Add', [x, x])
  const product = graph.node('Mul', [sum, x])
  const ends = { sum, product, again: product, same: x }
  const outputs = new Map(Object.entries(ends).map(([name, value]) => [name, { value, dims: [2] }]))
  const { nodes } = withoutLastCopies(graph.build(outputs)).graph
  expect(nodes.map(({ op, inputs, outputs: out }) => `${op} ${inputs.join()} ${out.join()}`)).toEqual([
    'Add x,x sum',
    'Mul sum,x product',
    'Identity product again',
    'Identity x same',
  ])
})
