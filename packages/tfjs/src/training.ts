import type { TargetLike, Tensor } from '@dual-encoder/core'
import {
  BackendError,
  encode,
  encoderWeights,
  type LoadedModel,
  type Param,
  type WeightEntry,
} from '@dual-encoder/core/backend'
import {
  type DropoutOf,
  embedsOnTape,
  lossOfRows,
  lossOnTape,
  type LossRows,
  type Objective,
  rowsAt,
  rowsOf,
  saveModel,
  type Side,
  sideOf,
  sidesOf,
  spansOf,
  type StepOptions,
  type StepResult,
  Tape,
  type Traced,
  type TrainingInputs,
  type TrainingPlan,
  type TrainingRun,
  type TrainingState,
  weightsFor,
  withTrained,
} from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'
import { makeCurrent } from './backend'
import { drawFactors } from './dropout'
import type { Engine } from './engine'
import { type Params, readParams } from './params'
import { toTf } from './primitives'
import { changed, toHost } from './runner'
import { TreeWeights } from './weights'

type Value = Traced<tf.Tensor>
interface Sides {
  readonly texts: Side<Tensor>
  readonly images: Side<Tensor>
}
type Beside = Pick<LossRows<Value>, 'positives' | 'weights'>

/** A loss and its gradients by name: of those parameters that it depends on. */
interface Found {
  readonly loss: tf.Tensor
  readonly grads: ReadonlyMap<string, tf.Tensor>
}

const BIAS = 'logit_bias'
const SIDES = { text: 'texts', vision: 'images' } as const
const KINDS = ['text', 'vision'] as const

/** Names of what is kept of a parameter: itself, and its slots. */
const keyOf = (name: string, slot?: string): string => (slot === undefined ? name : `${slot} ${name}`)

/** Of pictures whose layers are entered above nothing but sizes is given, and nothing is read: whatever did would be no number. */
const onDevice = (x: Tensor): tf.Tensor => (x.data.length === 0 ? tf.scalar(NaN) : toTf(x))

const traced = (side: Side<Tensor>): Side<Value> =>
  'embeds' in side ? { embeds: { value: toTf(side.embeds) } } : changed(side, (x): Value => ({ value: onDevice(x) }))

/** Trains a model step by step on tensors of an engine, where parameters and slots stay. */
export class TfjsTraining implements TrainingRun {
  readonly #trained: ReadonlySet<string>
  /** What is locked. */
  #fixed: Params = {}
  /** Names of the weights that a side reads, by what it is and where it is entered: found once, not at each step. */
  readonly #needs = new Map<string, readonly string[]>()
  /** Trained parameters and their slots, by `keyOf`. */
  readonly #kept = new Map<string, tf.Tensor>()
  #started?: Promise<void>

  constructor(
    private readonly engine: Engine,
    private readonly model: LoadedModel,
    private readonly plan: TrainingPlan,
  ) {
    this.#trained = new Set(plan.trained)
  }

  async step(inputs: TrainingInputs, options: StepOptions): Promise<StepResult> {
    const { numbers, chunkSize = Infinity, dropoutSeed, signal } = options
    signal?.throwIfAborted()
    const sides = sidesOf(this.model, inputs)
    await this.#prepared()
    for (const kind of KINDS) await this.#need(kind, sides[SIDES[kind]])
    signal?.throwIfAborted()
    let next = new Map<string, tf.Tensor>()
    const forget = () => {
      tf.dispose([...next.values()])
      next = new Map()
    }
    const compute = () => {
      // An engine may try again.
      forget()
      const tree = this.#tree()
      const { positives, weights } = inputs
      const beside = {
        ...(positives && { positives: { value: toTf(positives) } }),
        ...(weights && { weights: { value: toTf(weights) } }),
      }
      const { loss, grads } =
        rowsOf(sides.texts) > chunkSize
          ? this.#chunked(tree, sides, beside, chunkSize, dropoutSeed)
          : this.#whole(tree, sides, beside, dropoutSeed)
      const norm = this.#update(tree, grads, numbers, next)
      return { loss, norm, scale: tf.exp(tree.logit_scale as tf.Tensor) }
    }
    try {
      const read = ({ loss, norm, scale }: Record<'loss' | 'norm' | 'scale', tf.Tensor>) =>
        Promise.all([scalarOf(loss), scalarOf(norm), scalarOf(scale)])
      const [loss, gradNorm, logitScale] = await this.engine.run(compute, read)
      for (const [key, value] of next) this.#keep(key, value)
      return { loss, gradNorm, logitScale }
    } catch (error) {
      forget()
      throw error
    }
  }

  /** The parameters as they are now, or as a slot holds them. */
  #tree(slot?: string): Params {
    const trained = this.plan.trained.map((name) => [name, this.#kept.get(keyOf(name, slot)) as tf.Tensor] as const)
    return { ...this.#fixed, ...Object.fromEntries(trained) }
  }

  #tape(tree: Params): Tape<tf.Tensor> {
    const { recompute } = this.plan
    return new Tape(this.engine.ops(new TreeWeights(tree)), (name) => this.#trained.has(name), { recompute })
  }

  /** What the plan says of the loss. */
  #objective(tree: Params): Pick<Objective<tf.Tensor>, 'loss' | 'ownBias'> {
    const { loss, initial } = this.plan
    const isOwn = initial?.has(BIAS) && !this.model.config.logitBias
    const ownBias = (): Param => ({ name: BIAS, shape: tree[BIAS]?.shape ?? [], init: { kind: 'zeros' } })
    return { loss, ...(isOwn && { ownBias: ownBias() }) }
  }

  #whole(tree: Params, { texts, images }: Sides, beside: Beside, seed: number | undefined): Found {
    const tape = this.#tape(tree)
    const objective = { ...this.#objective(tree), draw: drawOf(seed) }
    const loss = lossOnTape(tape, this.model, { texts: traced(texts), images: traced(images) }, beside, objective)
    return { loss: loss.value, grads: tape.gradients([[loss, tf.scalar(1)]]).params }
  }

  /** GradCache: embeddings of all rows first, then the gradients of one chunk after the other. */
  #chunked(tree: Params, sides: Sides, beside: Beside, size: number, seed: number | undefined): Found {
    const onTape = (tape: Tape<tf.Tensor>, kind: DropoutOf, [start, end]: readonly [number, number]) => {
      const rows = traced(rowsAt(this.model[kind], sides[SIDES[kind]], start, end))
      return embedsOnTape(tape, this.model[kind], rows, drawOf(seed, start))
    }
    const chunksOf = (kind: DropoutOf) => spansOf(rowsOf(sides[SIDES[kind]]), size)
    const learns = new Set<DropoutOf>()
    const embeds = (kind: DropoutOf): tf.Tensor => {
      const parts = chunksOf(kind).map((rows) =>
        tf.tidy(() => {
          const { value, node } = onTape(this.#tape(tree), kind, rows)
          if (node) learns.add(kind)
          return value
        }),
      )
      return tf.concat(parts)
    }
    const tape = this.#tape(tree)
    const leaves = { text: tape.leaf(embeds('text')), vision: tape.leaf(embeds('vision')) }
    const rows = { ...beside, text: leaves.text, image: leaves.vision }
    const loss = lossOfRows<Value>(tape, this.model.config, rows, this.#objective(tree))
    const found = tape.gradients([[loss, tf.scalar(1)]], [leaves.text, leaves.vision])
    const grads = new Map(found.params)
    KINDS.forEach((kind, i) => {
      const upstream = found.leaves[i]
      if (upstream === undefined || !learns.has(kind)) return
      for (const [start, end] of chunksOf(kind)) {
        const part = tf.tidy(() => {
          const tape = this.#tape(tree)
          const given = tf.slice(upstream, [start, 0], [end - start, -1])
          return Object.fromEntries(tape.gradients([[onTape(tape, kind, [start, end]), given]]).params)
        })
        for (const [name, grad] of Object.entries(part)) {
          const sum = grads.get(name)
          grads.set(name, sum ? tf.add(sum, grad) : grad)
          if (sum) tf.dispose([sum, grad])
        }
      }
    })
    return { loss: loss.value, grads }
  }

  /**
   * The rule's update by these gradients, put into `next`. A parameter without one stays as it is.
   * @returns how long all gradients are together
   */
  #update(tree: Params, grads: Found['grads'], given: StepOptions['numbers'], next: Map<string, tf.Tensor>): tf.Tensor {
    const { rule } = this.plan
    const ops = this.engine.ops(new TreeWeights(tree))
    const numbers = Object.fromEntries(rule.numbers.map((name) => [name, tf.scalar(given[name] as number)]))
    const { norm, gradScale } = rule.clip(ops, [...grads.values()])
    for (const [name, grad] of grads)
      tf.tidy(() => {
        const state = Object.fromEntries(rule.slots.map((slot) => [slot, this.#kept.get(keyOf(name, slot))!]))
        const before = new Set([grad, tree[name], ...Object.values(state)])
        const updated = rule.update(ops, name, { param: tree[name]!, grad, state }, numbers, gradScale)
        const keep = (key: string, x: tf.Tensor) => next.set(key, tf.keep(before.has(x) ? tf.clone(x) : x))
        keep(name, updated.param)
        for (const [slot, value] of Object.entries(updated.state)) keep(keyOf(name, slot), value)
      })
    return norm
  }

  #keep(key: string, value: tf.Tensor): void {
    this.#kept.get(key)?.dispose()
    this.#kept.set(key, tf.keep(value))
  }

  /** Reads what a run begins with. */
  #prepared(): Promise<void> {
    return (this.#started ??= this.#start().catch((error: unknown) => {
      this.#free()
      this.#started = undefined
      throw error
    }))
  }

  async #start(): Promise<void> {
    const { plan, model, engine } = this
    const unknown = plan.trained.find((name) => !model.weights.has(name) && !plan.initial?.has(name))
    if (unknown !== undefined) throw new BackendError('no-weight', `There is no weight "${unknown}".`)
    const begins = (name: string) => (this.#trained.has(name) ? plan.initial?.get(name) : undefined)
    const backend = await engine.start()
    const ofEncoders = new Set(KINDS.flatMap((kind) => encoderWeights(model[kind], model.weights)))
    const entries = [...model.weights.values()].filter(
      (entry) => !begins(entry.name) && (this.#trained.has(entry.name) || !ofEncoders.has(entry)),
    )
    const read = await this.#read(entries)
    this.#fixed = Object.fromEntries(Object.entries(read).filter(([name]) => !this.#trained.has(name)))
    makeCurrent(backend)
    const { slots, likeParams = [] } = plan.rule
    for (const name of plan.trained) {
      const first = begins(name)
      const shape = model.weights.get(name)?.shape ?? first?.dims
      const param = read[name] ?? tf.tensor(first!.data as Float32Array, shape as number[])
      this.#keep(name, param)
      for (const slot of slots)
        this.#keep(keyOf(name, slot), likeParams.includes(slot) ? tf.clone(param) : tf.zeros(param.shape))
    }
  }

  async #read(entries: readonly WeightEntry[]): Promise<Params> {
    return readParams(new Map(entries.map((entry) => [entry.name, entry])), await this.engine.start())
  }

  /** Reads what is locked and is read of such a side, where it has not been: of a tower that is entered what is above. */
  async #need(kind: DropoutOf, side: Side<Tensor>): Promise<void> {
    if ('embeds' in side) return
    const { weights } = this.model
    const key = `${kind} ${side.pooled ? 'pooled' : side.entering?.at}`
    const needs = this.#needs.get(key) ?? weightsFor(this.model[kind], side)
    this.#needs.set(key, needs)
    const missing = needs.filter((name) => !this.#trained.has(name) && !this.#fixed[name])
    if (missing.length === 0) return
    const read = await this.#read(missing.flatMap((name) => weights.get(name) ?? []))
    this.#fixed = { ...this.#fixed, ...read }
  }

  async embed(kind: DropoutOf, inputs: TrainingInputs, slot?: string): Promise<Tensor<'float32'>> {
    const encoder = this.model[kind]
    const side = sideOf(encoder, inputs)
    if ('embeds' in side) return side.embeds as Tensor<'float32'>
    await this.#prepared()
    await this.#need(kind, side)
    const compute = () => {
      const ops = this.engine.ops(new TreeWeights(this.#tree(slot)))
      return encode(ops, encoder, changed(side, onDevice), { embeds: true }).embeds as tf.Tensor
    }
    return this.engine.run(compute, toHost) as Promise<Tensor<'float32'>>
  }

  async state(): Promise<TrainingState> {
    await this.#prepared()
    const read = async (slot?: string) => {
      const values = this.plan.trained.map(
        async (name) => [name, (await toHost(this.#kept.get(keyOf(name, slot))!)) as Tensor<'float32'>] as const,
      )
      return new Map(await Promise.all(values))
    }
    const slots = new Map<string, ReadonlyMap<string, Tensor<'float32'>>>()
    for (const slot of this.plan.rule.slots) slots.set(slot, await read(slot))
    return { params: await read(), slots }
  }

  async restore({ params, slots }: TrainingState): Promise<void> {
    await this.#prepared()
    makeCurrent(await this.engine.start())
    const put = (values: ReadonlyMap<string, Tensor>, slot?: string) => {
      for (const [name, x] of values) this.#keep(keyOf(name, slot), toTf(x))
    }
    put(params)
    for (const [slot, values] of slots) put(values, slot)
  }

  async savePretrained(target: TargetLike, slot?: string): Promise<void> {
    const { params, slots } = await this.state()
    await saveModel(target, withTrained(this.model, (slot !== undefined && slots.get(slot)) || params), {})
  }

  async dispose(): Promise<void> {
    await this.#started?.catch(() => undefined)
    this.#free()
  }

  #free(): void {
    tf.dispose([...this.#kept.values(), ...Object.values(this.#fixed)])
    this.#kept.clear()
    this.#fixed = {}
  }
}

/** How each encoder drops rows of a batch from `firstRow` on. */
const drawOf = (seed: number | undefined, firstRow = 0): Objective<tf.Tensor>['draw'] =>
  seed === undefined ? undefined : (of) => drawFactors(seed, of, firstRow)

const scalarOf = async (x: tf.Tensor): Promise<number> => (await x.data<'float32'>())[0] as number
