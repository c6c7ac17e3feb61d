import type { Tensor } from '@dual-encoder/core'
import { type Param, type Pieces, sizeOf } from '@dual-encoder/core/backend'
import {
  type DropoutOf,
  lossOfRows,
  type ObjectiveModel,
  type Side,
  spansOf,
  Tape,
  type TrainingPlan,
} from '@dual-encoder/core/training'
import { GraphBuilder } from '../graph/builder'
import type { Kernels } from '../graph/kernels'
import { leavingOutLastCopies, withUnread } from '../graph/outputs'
import type { ModelProto } from '../graph/proto'
import { OnnxOps } from '../ops'
import type { OnnxValue, ParamData } from '../primitives'
import type { Kept } from '../runtime/store'
import { type Beside, type Dropped, EMBEDS, type Sides, writeBeside, writeLoss, writeEmbeds } from './loss-graph'

/** A graph of a step, and the dropouts whose factors it is given. */
export interface StepGraph {
  readonly model: ModelProto
  readonly dropped: readonly Dropped[]
  /** Inputs that are rows of what is kept. */
  readonly parts: ReadonlyMap<string, Kept>
}

export interface GraphContext {
  readonly model: ObjectiveModel
  readonly plan: TrainingPlan
  readonly shapes: ReadonlyMap<string, readonly number[]>
  readonly dataOf: ParamData
  readonly kernels: Kernels
  readonly drops: boolean
}

/** Names of what is kept: of a parameter's slot, of its gradient. */
export const slotKey = (slot: string, name: string): string => `${slot}.${name}`
export const gradKey = (name: string): string => slotKey('gradient', name)
/** Of an input or output that is some rows of what is kept. */
const partName = ({ key, rows }: Kept): string => (rows ? `${key}[${rows.join(':')}]` : key)
/** Of an output that follows an input of that name. */
export const nextOf = (key: string): string => `next.${key}`

const paramOf = (name: string, shapes: GraphContext['shapes']): Param => ({
  name,
  shape: shapes.get(name) ?? [],
  init: { kind: 'zeros' },
})

const BIAS = 'logit_bias'

/** Values of a part. An update passes over each a dozen times: over a whole table, each time from memory. */
const PART = 2 ** 19

/** A parameter in parts of so many rows; of small ones undefined, the whole. */
function partsOf(dims: readonly number[]): readonly (readonly [start: number, end: number] | undefined)[] {
  const [rows = 1, ...others] = dims
  if (others.length === 0 || sizeOf(dims) < 2 * PART) return [undefined]
  const step = Math.max(1, Math.floor(PART / sizeOf(others)))
  return spansOf(rows, step)
}

/** Collects a graph's outputs; trained parameters are its inputs. */
class Writer {
  readonly graph: GraphBuilder
  readonly ops: OnnxOps
  readonly tape: Tape<OnnxValue>
  readonly dropped: Dropped[] = []
  readonly #parts = new Map<string, Kept>()
  readonly #outputs = new Map<string, OnnxValue>()

  constructor(
    name: string,
    readonly context: GraphContext,
  ) {
    const { plan, dataOf, kernels } = context
    const trained = new Set(plan.trained)
    this.graph = new GraphBuilder(name)
    this.ops = new OnnxOps(this.graph, (param) => (trained.has(param.name) ? 'input' : dataOf(param)), kernels)
    this.tape = new Tape(this.ops, (name) => trained.has(name), { recompute: plan.recompute })
  }

  get drops(): Dropped[] | undefined {
    return this.context.drops ? this.dropped : undefined
  }
  /** What the plan says of the loss. */
  get objective() {
    const { plan, shapes, model } = this.context
    const isOwn = plan.initial?.has(BIAS) && !model.config.logitBias
    return { loss: plan.loss, ...(isOwn && { ownBias: paramOf(BIAS, shapes) }) }
  }
  /** What cosines are multiplied by. */
  outputScale(): void {
    const { ops, context } = this
    this.output('scale', ops.exp(ops.param(paramOf('logit_scale', context.shapes))))
  }
  output(name: string, value: OnnxValue): void {
    this.#outputs.set(name, value)
  }
  /** Gradients added to those that the graph is given. */
  *accumulate(gradients: ReadonlyMap<string, OnnxValue>): Pieces<void> {
    for (const [name, gradient] of gradients) {
      const sum = this.ops.input(gradKey(name), 'float32', this.context.shapes.get(name) ?? [])
      this.output(nextOf(gradKey(name)), this.ops.add(sum, gradient))
      yield
    }
  }
  /** The rule's update by these gradients. A parameter without one stays as it is. */
  *update(gradients: ReadonlyMap<string, OnnxValue>): Pieces<void> {
    const { ops, context } = this
    const { rule } = context.plan
    const numbers = Object.fromEntries(rule.numbers.map((name) => [name, ops.input(`number.${name}`, 'float32', [])]))
    // The engine computes what the last node of a sum needs first, then what the next does: from the last layer down, each
    // gradient as soon as it can be had, and what it needs is freed.
    const { norm, gradScale } = rule.clip(ops, [...gradients.values()].reverse())
    this.output('norm', norm)
    for (const [name, grad] of gradients)
      for (const rows of partsOf(context.shapes.get(name) ?? [])) {
        const kept = (slot: string) => this.#kept({ key: slotKey(slot, name), rows }, name)
        const given = {
          param: rows ? this.#kept({ key: name, rows }, name) : ops.param(paramOf(name, context.shapes)),
          grad: rows ? ops.slice(grad, 0, ...rows) : grad,
          state: Object.fromEntries(rule.slots.map((slot) => [slot, kept(slot)])),
        }
        const { param, state } = rule.update(ops, name, given, numbers, gradScale)
        this.output(nextOf(partName({ key: name, rows })), param)
        for (const [slot, value] of Object.entries(state))
          this.output(nextOf(partName({ key: slotKey(slot, name), rows })), value)
        yield
      }
  }
  /** What is kept, of the shape of a parameter, as an input. */
  #kept(kept: Kept, parameter: string): OnnxValue {
    const [size, ...others] = this.context.shapes.get(parameter) ?? []
    const { rows } = kept
    if (rows) this.#parts.set(partName(kept), kept)
    const dims = size === undefined ? [] : [rows ? rows[1] - rows[0] : size, ...others]
    return this.ops.input(partName(kept), 'float32', dims)
  }
  *finish(): Pieces<StepGraph> {
    const outputs = [...this.#outputs].map(([name, x]) => [name, { value: this.ops.shaped(x), dims: x.dims }] as const)
    const model = yield* leavingOutLastCopies(yield* this.graph.building(new Map(outputs)))
    return { model: withUnread(model), dropped: this.dropped, parts: this.#parts }
  }
}

/** A whole step: loss, gradients, update. */
export function* wholeStep(context: GraphContext, sides: Sides, beside: Beside): Pieces<StepGraph> {
  const writer = new Writer('step', context)
  const { tape, ops } = writer
  const loss = yield* writeLoss(ops, tape, context.model, sides, { ...writer.objective, beside, dropped: writer.drops })
  writer.output('loss', loss.value)
  writer.outputScale()
  const { params } = yield* tape.gradientPieces([[loss, ops.scalar(1)]])
  yield* writer.update(params)
  return yield* writer.finish()
}

/** Embeddings of a chunk, dropped from as in the step. */
export function* chunkEmbeds(context: GraphContext, kind: DropoutOf, side: Side<Tensor>): Pieces<StepGraph> {
  const writer = new Writer('embeds', context)
  const encoder = context.model[kind]
  const embeds = yield* writeEmbeds(writer.ops, writer.tape, encoder, side, writer.drops)
  writer.output('embeds', embeds.value)
  return yield* writer.finish()
}

/** The loss of all embeddings, its gradient by them, and that of the logit's parameters. */
export function* embedsLoss(
  context: GraphContext,
  dims: Readonly<Record<DropoutOf, readonly number[]>>,
  beside: Beside,
): Pieces<StepGraph> {
  const writer = new Writer('loss', context)
  const { tape, ops } = writer
  const leaf = (kind: DropoutOf) => tape.leaf(ops.input(EMBEDS[kind], 'float32', dims[kind]))
  const leaves = [leaf('text'), leaf('vision')] as const
  const [text, image] = leaves
  const rows = { ...writeBeside(ops, beside), text, image }
  const loss = lossOfRows(tape, context.model.config, rows, writer.objective)
  const { params, leaves: found } = yield* tape.gradientPieces([[loss, ops.scalar(1)]], leaves)
  writer.output('loss', loss.value)
  writer.outputScale()
  writer.output('text', found[0] as OnnxValue)
  writer.output('vision', found[1] as OnnxValue)
  yield* writer.accumulate(params)
  return yield* writer.finish()
}

/** The gradients of a chunk from those of its embeddings, added to what the graph is given. */
export function* chunkGradients(
  context: GraphContext,
  kind: DropoutOf,
  side: Side<Tensor>,
  dims: readonly number[],
): Pieces<StepGraph> {
  const writer = new Writer('gradients', context)
  const { tape, ops } = writer
  const encoder = context.model[kind]
  const embeds = yield* writeEmbeds(ops, tape, encoder, side, writer.drops)
  const { params } = yield* tape.gradientPieces([[embeds, ops.input('upstream', 'float32', dims)]])
  yield* writer.accumulate(params)
  return yield* writer.finish()
}

/** The update by gradients that were added up. */
export function* updateStep(context: GraphContext): Pieces<StepGraph> {
  const writer = new Writer('update', context)
  const gradients = context.plan.trained.map((name): [string, OnnxValue] => [
    name,
    writer.ops.input(gradKey(name), 'float32', context.shapes.get(name) ?? []),
  ])
  yield* writer.update(new Map(gradients))
  return yield* writer.finish()
}
