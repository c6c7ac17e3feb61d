import type { TargetLike, Tensor } from '@dual-encoder/core'
import {
  BackendError,
  breathing,
  ENCODER_NAMES,
  joinRows,
  type LoadedModel,
  MemoMap,
  type Pieces,
  tensor,
  type Weights,
} from '@dual-encoder/core/backend'
import {
  type DropoutOf,
  rowsAt,
  rowsOf,
  saveModel,
  type Side,
  sideOf,
  sidesOf,
  spansOf,
  type StepOptions,
  type StepResult,
  type TrainingInputs,
  type TrainingPlan,
  type TrainingRun,
  type TrainingState,
  weightsFor,
  withTrained,
} from '@dual-encoder/core/training'
import { runtime } from '#runtime'
import { readOnce } from '../graph/outputs'
import type { OnnxOptions } from '../options'
import { sessionFailed, sessionParts } from '../session'
import {
  type Beside,
  type Dropped,
  drawnInputs,
  namedBeside,
  namedInputs,
  numberInputs,
  ownOf,
  plainOf,
  shapeKey,
  type Sides,
} from './loss-graph'
import {
  chunkEmbeds,
  chunkGradients,
  embedsLoss,
  type GraphContext,
  gradKey,
  nextOf,
  slotKey,
  type StepGraph,
  updateStep,
  wholeStep,
} from './step-graphs'
import type { Kept, Plain, RunCall, Store } from '../runtime/store'

/** A graph that was handed to the engine. */
interface Opened {
  readonly name: string
  readonly inputs: readonly string[]
  /** And their sizes. */
  readonly outputs: ReadonlyMap<string, readonly number[]>
  readonly dropped: readonly Dropped[]
  readonly parts: StepGraph['parts']
  /** Inputs that one node reads: what follows them may be written over them. */
  readonly readOnce: ReadonlySet<string>
}

/** A plan of the memory of a whole run takes as much again, beside what the run without it took. */
const NO_PATTERN = { enableMemPattern: false }

/** Graphs kept open, unless a step needs more: one for each size of batch, each with an arena of one or two GB. */
const MAX_GRAPHS = 4

/** Trains a model by graphs on ONNX Runtime: one for each size of batch. Parameters and slots stay in the engine. */
export class OnnxTraining implements TrainingRun {
  readonly #opened = new MemoMap<string, Opened>()
  /** Names of the graphs of the last step, or of the one that runs: evaluations in between leave them open. */
  readonly #ofStep = new Set<string>()
  readonly #shapes: ReadonlyMap<string, readonly number[]>
  #store?: Promise<Store>

  constructor(
    private readonly model: LoadedModel,
    private readonly weights: Weights,
    private readonly plan: TrainingPlan,
    private readonly options: OnnxOptions,
  ) {
    const own = [...(plan.initial ?? [])].map(([name, { dims }]) => [name, dims] as const)
    this.#shapes = new Map([...own, ...[...weights.values()].map(({ name, shape }) => [name, shape] as const)])
  }

  async step(inputs: TrainingInputs, options: StepOptions): Promise<StepResult> {
    options.signal?.throwIfAborted()
    this.#ofStep.clear()
    const sides = sidesOf(this.model, inputs)
    const { chunkSize = Infinity } = options
    const { positives, weights } = inputs
    const beside = { ...(positives && { positives }), ...(weights && { weights }) }
    return rowsOf(sides.texts) > chunkSize
      ? this.#chunked(sides, beside, chunkSize, options)
      : this.#whole(sides, beside, options)
  }

  async #whole(sides: Sides, beside: Beside, { numbers, dropoutSeed }: StepOptions): Promise<StepResult> {
    const inputs = {
      ...namedInputs('text', sides.texts),
      ...namedInputs('vision', sides.images),
      ...namedBeside(beside),
    }
    const of = { text: sides.texts, vision: sides.images }
    const opened = await this.#open(`step ${shapeKey(inputs)}`, of, dropoutSeed, (context) =>
      wholeStep(context, sides, beside),
    )
    const results = await this.#run(opened, { ...inputs, ...numberInputs(numbers) }, { seed: dropoutSeed })
    return resultOf(results, results.norm)
  }

  async embed(kind: DropoutOf, inputs: TrainingInputs, slot?: string): Promise<Tensor<'float32'>> {
    const side = sideOf(this.model[kind], inputs)
    if ('embeds' in side) return side.embeds as Tensor<'float32'>
    const given = namedInputs(kind, side)
    const write = (context: GraphContext) => chunkEmbeds(context, kind, side)
    const opened = await this.#open(`embeds ${kind} ${shapeKey(given)}`, { [kind]: side }, undefined, write, false)
    const { embeds } = await this.#run(opened, given, { slot })
    return tensorOf(embeds as Plain)
  }

  /** GradCache: embeddings of all rows first, then the gradients of one chunk after the other. */
  async #chunked(
    sides: Sides,
    beside: Beside,
    size: number,
    { numbers, dropoutSeed: seed, signal }: StepOptions,
  ): Promise<StepResult> {
    const store = await this.#prepared()
    const chunksOf = (kind: DropoutOf, side: Side<Tensor>) =>
      spansOf(rowsOf(side), size).map(([start, end]) => ({ start, side: rowsAt(this.model[kind], side, start, end) }))
    const embed = async (kind: DropoutOf, side: Side<Tensor>): Promise<Tensor> => {
      if ('embeds' in side) return side.embeds
      const parts: Tensor[] = []
      for (const chunk of chunksOf(kind, side)) {
        signal?.throwIfAborted()
        const inputs = namedInputs(kind, chunk.side)
        const opened = await this.#open(`embeds ${kind} ${shapeKey(inputs)}`, { [kind]: chunk.side }, seed, (context) =>
          chunkEmbeds(context, kind, chunk.side),
        )
        parts.push(tensorOf((await this.#run(opened, inputs, { seed, firstRow: chunk.start })).embeds as Plain))
      }
      return joinRows(parts)
    }
    const [text, vision] = [await embed('text', sides.texts), await embed('vision', sides.images)]
    await store.zero(this.#shapesOf(gradKey))
    const lossInputs = {
      ...namedInputs('text', { embeds: text }),
      ...namedInputs('vision', { embeds: vision }),
      ...namedBeside(beside),
    }
    const lossGraph = await this.#open(`loss ${shapeKey(lossInputs)}`, {}, undefined, (context) =>
      embedsLoss(context, { text: text.dims, vision: vision.dims }, beside),
    )
    const gradients = await this.#run(lossGraph, lossInputs)
    for (const [kind, side] of [
      ['text', sides.texts],
      ['vision', sides.images],
    ] as const) {
      if ('embeds' in side || !this.#trains(kind)) continue
      for (const chunk of chunksOf(kind, side)) {
        signal?.throwIfAborted()
        const { embeds: upstream } = rowsAt(
          this.model[kind],
          { embeds: tensor(gradients[kind]!.data as Float32Array, kind === 'text' ? text.dims : vision.dims) },
          chunk.start,
          chunk.start + rowsOf(chunk.side),
        ) as { embeds: Tensor }
        const inputs = namedInputs(kind, chunk.side)
        const opened = await this.#open(
          `gradients ${kind} ${shapeKey(inputs)}`,
          { [kind]: chunk.side },
          seed,
          (context) => chunkGradients(context, kind, chunk.side, upstream.dims),
        )
        await this.#run(opened, { ...inputs, upstream: plainOf(upstream) }, { seed, firstRow: chunk.start })
      }
    }
    const update = await this.#open('update', {}, undefined, updateStep)
    const { norm } = await this.#run(update, numberInputs(numbers))
    return resultOf(gradients, norm)
  }

  #trains(kind: DropoutOf): boolean {
    const { tower, projection } = ENCODER_NAMES[kind]
    return this.plan.trained.some((name) => name.startsWith(`${tower}.`) || name.startsWith(`${projection}.`))
  }

  /** The store with the parameters and slots that a run begins with. */
  #prepared(): Promise<Store> {
    return (this.#store ??= this.#start())
  }

  async #start(): Promise<Store> {
    const { options, plan, weights } = this
    const engine = await runtime.load(options.executionProviders ?? runtime.defaultProviders, options)
    const store = await runtime.openStore(engine)
    const { slots, likeParams = [] } = plan.rule
    for (const name of plan.trained) {
      const value = plan.initial?.get(name) ?? (await weights.get(name)?.read())
      if (!value) throw new BackendError('no-weight', `There is no weight "${name}".`)
      for (const key of [name, ...likeParams.map((slot) => slotKey(slot, name))])
        await store.put({ [key]: await ownOf({ ...value, dims: this.#shapes.get(name) ?? value.dims }) })
    }
    for (const slot of [...slots.filter((one) => !likeParams.includes(one)), 'gradient'])
      await store.zero(this.#shapesOf((name) => slotKey(slot, name)))
    return store
  }

  /** Of what is kept of each parameter, by key. */
  #shapesOf(keyOf: (name: string) => string): Record<string, readonly number[]> {
    return Object.fromEntries(this.plan.trained.map((name) => [keyOf(name), this.#shapes.get(name) ?? []]))
  }

  /** @param of what the graph computes embeddings of */
  #open(
    key: string,
    of: Partial<Record<DropoutOf, Side<Tensor>>>,
    seed: number | undefined,
    write: (context: GraphContext) => Pieces<StepGraph>,
    isOfStep = true,
  ): Promise<Opened> {
    const drops = seed !== undefined
    const name = `${key}${drops ? ' dropping' : ''}`
    if (isOfStep) this.#ofStep.add(name)
    return this.#opened.get(name, () => this.#create(name, of, drops, write))
  }

  async #create(
    name: string,
    of: Partial<Record<DropoutOf, Side<Tensor>>>,
    drops: boolean,
    write: (context: GraphContext) => Pieces<StepGraph>,
  ): Promise<Opened> {
    const { model, weights, plan, options } = this
    const others = Math.max(MAX_GRAPHS, this.#ofStep.size) - 1
    const leastUsed = this.#opened.dropBeyond(others, (key) => this.#ofStep.has(key))
    const store = await this.#prepared()
    for (const old of await Promise.all(leastUsed)) await store.close(old.name)
    const ofEncoders = (['text', 'vision'] as const).flatMap((kind) => {
      const side = of[kind]
      return side === undefined || 'embeds' in side ? [] : weightsFor(model[kind], side)
    })
    const [trained, read] = [new Set(plan.trained), new Set(['logit_scale', 'logit_bias', ...ofEncoders])]
    const locked = [...weights.values()].filter((entry) => !trained.has(entry.name) && read.has(entry.name))
    let graph: StepGraph | undefined
    const parts = await sessionParts(locked, weights, options, async (dataOf, kernels) => {
      graph = await breathing(write({ model, plan, shapes: this.#shapes, dataOf, kernels, drops }))
      return graph.model
    })
    try {
      const { inputs } = await store.open(name, parts.model, { ...NO_PATTERN, ...parts.settings })
      const { model: proto, ...written } = graph as StepGraph
      const tensors = proto.graph.outputs.filter(({ isSequence }) => !isSequence)
      const outputs = new Map(tensors.map((output) => [output.name, output.dims as readonly number[]]))
      return { name, inputs, outputs, ...written, readOnce: readOnce(proto) }
    } catch (cause) {
      throw sessionFailed(parts.providers, cause)
    } finally {
      await parts.release()
    }
  }

  async #run(
    opened: Opened,
    given: Readonly<Record<string, Plain>>,
    { seed = 0, firstRow = 0, slot }: { seed?: number; firstRow?: number; slot?: string } = {},
  ): Promise<Record<string, Plain>> {
    const store = await this.#prepared()
    const trained = new Set(this.plan.trained)
    const { name, inputs, outputs, readOnce, parts, dropped } = opened
    const drawn = drawnInputs(dropped, seed, firstRow)
    const keyOf = (input: string) => (slot !== undefined && trained.has(input) ? slotKey(slot, input) : input)
    const keptOf = (input: string): Kept => parts.get(input) ?? { key: keyOf(input) }
    const feeds = Object.fromEntries(inputs.map((input) => [input, given[input] ?? drawn[input] ?? keptOf(input)]))
    const isKept = (output: string) => output.startsWith(nextOf(''))
    const whole = new Set(inputs)
    const stores = [...outputs.keys()].filter(isKept).map((output) => {
      const input = output.slice(nextOf('').length)
      const { key, rows } = keptOf(input)
      return [output, { key, rows, inPlace: readOnce.has(input) && (rows === undefined || !whole.has(key)) }]
    })
    return store
      .run({
        session: name,
        feeds,
        stores: Object.fromEntries(stores) as RunCall['stores'],
        returns: Object.fromEntries([...outputs].filter(([output]) => !isKept(output))),
      })
      .catch((cause: unknown) => {
        throw new BackendError('engine-failed', `ONNX Runtime failed: ${(cause as Error).message}`, { cause })
      })
  }

  async state(): Promise<TrainingState> {
    const { trained, rule } = this.plan
    const store = await this.#prepared()
    const read = async (keyOf: (name: string) => string) => {
      const values = await store.read(trained.map(keyOf))
      return new Map(
        trained.map((name) => [name, tensor(values[keyOf(name)]!.data as Float32Array, this.#shapes.get(name) ?? [])]),
      )
    }
    const slots = new Map<string, ReadonlyMap<string, Tensor<'float32'>>>()
    for (const slot of rule.slots) slots.set(slot, await read((name) => slotKey(slot, name)))
    return { params: await read((name) => name), slots }
  }

  async restore({ params, slots }: TrainingState): Promise<void> {
    const store = await this.#prepared()
    const put = async (given: ReadonlyMap<string, Tensor>, keyOf: (name: string) => string) => {
      for (const [name, x] of given) await store.put({ [keyOf(name)]: await ownOf(x) })
    }
    await put(params, (name) => name)
    for (const [slot, given] of slots) await put(given, (name) => slotKey(slot, name))
  }

  async savePretrained(target: TargetLike, slot?: string): Promise<void> {
    const { params, slots } = await this.state()
    await saveModel(target, withTrained(this.model, (slot !== undefined && slots.get(slot)) || params), {})
  }

  async dispose(): Promise<void> {
    await (await this.#store?.catch(() => undefined))?.dispose()
  }
}

const resultOf = ({ loss, scale }: Record<string, Plain>, norm: Plain | undefined): StepResult => ({
  loss: scalarOf(loss),
  gradNorm: scalarOf(norm),
  logitScale: scalarOf(scale),
})

const scalarOf = (x: Plain | undefined): number => (x?.data as Float32Array)[0] as number

const tensorOf = ({ data, dims }: Plain): Tensor<'float32'> => tensor(data as Float32Array, dims)
