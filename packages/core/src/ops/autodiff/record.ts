import { atOnce, type Pieces } from '../../base/pieces'
import type { Ops, Param } from '../ops'

/** A value, and where its gradient goes; no `node` where none is wanted behind it. */
export interface Traced<T> {
  readonly value: T
  readonly node?: Node<T>
  /** Of a norm for linear layers. */
  readonly norm?: NormParts<T>
}

/** What a norm has before it scales and shifts, and by what it does. */
export interface NormParts<T> {
  readonly of: Traced<T>
  readonly weight: Param
  readonly bias?: Param
}

export interface Node<T> {
  /** The layer that it is of, where those are computed again; 0 elsewhere. */
  readonly layer: number
  readonly edges: readonly { readonly to: Node<T>; readonly pull: (gradient: T) => T }[]
}

/** A value that another was computed from, and its gradient from that of the other. */
export type Edge<T> = readonly [from: Traced<T>, pull: (gradient: T) => T]

/** What was computed from what, in order. */
export class Record<T> {
  readonly #nodes: Node<T>[] = []

  /** A value whose gradient is wanted. */
  leaf(value: T): Traced<T> & { readonly node: Node<T> } {
    return { value, node: this.#node([]) }
  }

  add(value: T, edges: readonly Edge<T>[], layer = 0): Traced<T> {
    const live = edges.flatMap(([{ node }, pull]) => (node ? [{ to: node, pull }] : []))
    return live.length === 0 ? { value } : { value, node: this.#node(live, layer) }
  }

  #node(edges: Node<T>['edges'], layer = 0): Node<T> {
    const node = { edges, layer }
    this.#nodes.push(node)
    return node
  }

  /**
   * The gradients of all nodes without edges from those of the last. `enter` hears of each layer before its first gradient.
   * Others are freed once they are handed on, where ops can.
   */
  *backward(
    ops: Ops<T>,
    ends: readonly (readonly [Traced<T>, T])[],
    enter?: (layer: number, gradient: T) => void,
  ): Pieces<ReadonlyMap<Node<T>, T>> {
    let layer = 0
    const gradients = new Map<Node<T>, T>()
    const give = (node: Node<T>, gradient: T): void => {
      const sum = gradients.get(node)
      gradients.set(node, sum === undefined ? gradient : ops.add(sum, gradient))
    }
    for (const [{ node }, gradient] of ends) if (node) give(node, gradient)
    const handOn = function* (nodes: readonly Node<T>[]): Pieces<void> {
      for (const node of nodes) {
        const gradient = gradients.get(node)
        if (gradient === undefined) continue
        gradients.delete(node)
        if (node.layer !== layer) enter?.((layer = node.layer), gradient)
        for (const { to, pull } of node.edges) give(to, pull(gradient))
        yield
      }
    }
    const theirs = new Set(ends.map(([, gradient]) => gradient))
    for (const nodes of this.#together()) {
      if (!ops.layer) {
        yield* handOn(nodes)
        continue
      }
      const before = new Set(gradients.values())
      const consumed: T[] = []
      ops.layer(() => {
        atOnce(handOn(nodes))
        const left = new Set(gradients.values())
        consumed.push(...[...before].filter((gradient) => !left.has(gradient) && !theirs.has(gradient)))
        return Object.fromEntries([...left].map((gradient, i) => [i, gradient]))
      }, consumed)
      yield
    }
    return gradients
  }

  /** Nodes with edges from the last on: those of a layer together, others each by itself. */
  #together(): Node<T>[][] {
    const groups: Node<T>[][] = []
    for (const node of this.#nodes.toReversed()) {
      const last = groups.at(-1)
      if (node.edges.length === 0) continue
      if (last && node.layer > 0 && last[0]!.layer === node.layer) last.push(node)
      else groups.push([node])
    }
    return groups
  }
}
