import {
  encoderWeights,
  type EncodeRequest,
  type EncoderSpec,
  float32Of,
  MemoMap,
  sizeOf,
  snakeCase,
  type VisionEncoderSpec,
  type WeightEntry,
  type Weights,
} from '@dual-encoder/core/backend'
import { runtime } from '#runtime'
import type { InferenceSession } from 'onnxruntime-common'
import type { Demand } from './demand'
import { traceEncoder, type TracedEncoder } from './graph/encoder-graph'
import type { ModelProto, TensorProto } from './graph/proto'
import { ALL_TOKENS, FIRST_ONLY, type KeptTable } from './graph/run-ops'
import { SizedGraph } from './graph/sized-graph'
import type { Int8Weights } from './int8/weights'
import type { EngineOptions } from './options'
import { FIRST_TOKENS, type ParamData } from './primitives'
import { kernelsFor, openSession, type OpenSession, runSession } from './session'
import { leaseSession, sessionKey, type SessionLease } from './shared-session'

type Feeds = InferenceSession.OnnxValueMapType
type Size = readonly [number, number] | undefined

/** Sizes of which what a graph is given is kept, and the bytes that may be for those that were not used last. */
const MAX_SIZES = 8
const MAX_KEPT = 8 * 2 ** 20

/** Of a session that runs once: what it computes is not computed ahead and kept beside, and its memory goes with it. */
const ONCE: InferenceSession.SessionOptions = { graphOptimizationLevel: 'disabled', enableCpuMemArena: false }

/** What every run may ask of the one session: all that costs next to nothing beside the pooled output. */
const EVERYTHING: EncodeRequest = { features: true, embeds: true, poolerOutput: true, lastHiddenState: 'optional' }

/** A graph as requests ask for it, and which of an encoder's two sessions it is. */
interface AskedGraph {
  readonly request: EncodeRequest
  readonly slot: 'main' | 'tapped'
  /** The same for the same outputs. */
  readonly outputs: string
}

function graphOf({ hiddenStates = false, attentions = false, entering }: EncodeRequest): AskedGraph {
  if (entering) return { request: { entering }, slot: 'main', outputs: `entering ${entering.at}` }
  if (!hiddenStates && !attentions) return { request: EVERYTHING, slot: 'main', outputs: '' }
  const request = { ...EVERYTHING, lastHiddenState: true, hiddenStates, attentions }
  return { request, slot: 'tapped', outputs: JSON.stringify(request) }
}

/** A session and what it is given for each image size. */
interface Prepared {
  readonly outputs: string
  readonly graph: SizedGraph
  readonly lease: SessionLease
  readonly sizes: MemoMap<string, { readonly feeds: Feeds; readonly bytes: number }>
  users: number
  retired: boolean
}

/**
 * The sessions of one encoder: one with one copy of the weights, whatever outputs and image sizes are asked for. Another
 * is made for hidden states and attentions, which take other operators: it reads the weights where they lie, and ends
 * when a call wants neither. The first image size has a session that a second one replaces by one for all; towers whose
 * graph itself depends on the size have one for the size last used.
 */
export class EncoderSessions {
  readonly #slots: { main?: Prepared; tapped?: Prepared } = {}

  #isReleased = false
  /** Of an int8 model, from its first run on. */
  #int8?: Int8Weights

  constructor(
    private readonly encoder: EncoderSpec,
    private readonly stored: Weights,
    private readonly options: EngineOptions,
    /** Called where other threads are at work, and waited for before a session is made, which blocks this one. */
    private readonly meanwhile?: () => Promise<void>,
  ) {}

  /** As they are computed with. */
  get #weights(): Weights {
    return this.#int8?.weights ?? this.stored
  }

  /** Its code is loaded where a model is int8. */
  async #quantize(): Promise<void> {
    const { dtype = 'float32' } = this.options
    if (dtype === 'float32' || this.#int8) return
    // They start while the engine is asked.
    this.#startThreads()
    const [{ Int8Weights }, { int8Plan }, { int8Element }] = await Promise.all([
      import('./int8/weights'),
      import('./int8/plan'),
      import('./int8/element'),
    ])
    const element = await int8Element(this.options)
    this.#int8 ??= new Int8Weights(this.stored, int8Plan(this.encoder, dtype, element), element)
  }

  /** @returns whether there are any beside this one for an int8 model's weights */
  #startThreads(): boolean {
    const bytes = encoderWeights(this.encoder, this.stored).reduce((sum, { shape }) => sum + sizeOf(shape), 0)
    return runtime.startThreads(bytes)
  }

  /** Of an int8 model's texts: has other threads begin with what the first will need, which is the same for any. */
  async begin(): Promise<void> {
    if (this.#slots.main || !this.#startThreads()) return
    await this.#quantize()
    if (this.#slots.main || this.#isReleased) return
    const asked = graphOf({})
    const traced = this.#trace(asked, undefined)
    const prepared = this.#open(asked, traced)
    prepared.sizes.get('', () => this.#given(prepared, traced)).catch(() => undefined)
    await Promise.race([prepared.lease.demand.begun, prepared.lease.opened])
  }

  /** @param inputsOf what the graph reads of the batch, as the engine's tensors */
  async run(
    inputsOf: (opened: OpenSession) => Feeds,
    request: EncodeRequest,
    imageSize: Size,
    signal?: AbortSignal,
  ): Promise<Feeds> {
    await this.#quantize()
    const { prepared, given } = this.#prepare(request, imageSize)
    prepared.users++
    prepared.lease.demand.ask()
    try {
      const opened = await prepared.lease.opened
      const { feeds } = await given
      signal?.throwIfAborted()
      const all = feedsOf(opened, { ...inputsOf(opened), ...feeds }, request)
      return await runSession(opened, all, { signal, fetches: fetchesOf(opened, request) })
    } finally {
      prepared.users--
      if (prepared.retired && prepared.users === 0) await prepared.lease.release()
    }
  }

  /** Decides at once, so that calls that overlap decide alike. */
  #prepare(request: EncodeRequest, imageSize: Size) {
    const asked = graphOf(request)
    if (asked.slot === 'main' && this.#slots.tapped) void this.#retire(this.#slots.tapped)
    const current = this.#slots[asked.slot]
    const size = imageSize?.join('x') ?? ''
    const fitting = current?.outputs === asked.outputs ? current : undefined
    const kept = fitting?.sizes.kept(size)
    if (fitting && kept) return { prepared: fitting, given: kept }
    const traced = this.#trace(asked, imageSize)
    const fits = fitting?.graph.inputsOf(traced.model)
    const prepared = fitting && fits ? fitting : this.#open(asked, traced, fitting && this.#probe(asked, imageSize))
    const given = prepared.sizes.get(size, () => this.#given(prepared, traced))
    void this.#dropSizes(prepared)
    return { prepared, given }
  }

  #trace({ request }: AskedGraph, imageSize: Size): TracedEncoder {
    return traceEncoder(this.encoder, request, { imageSize, kernels: kernelsFor(this.options), int8: this.#int8 })
  }

  /** Of an image tower the graph for another size. */
  #probe(asked: AskedGraph, imageSize: Size): TracedEncoder | undefined {
    const { encoder } = this
    if (encoder.kind === 'vision' && imageSize) return this.#trace(asked, probeSize(encoder, imageSize))
  }

  /** A first size has a graph of its own, since most models see no other; the second brings one for all, by a `probe`. */
  #open(asked: AskedGraph, traced: TracedEncoder, probe?: TracedEncoder): Prepared {
    const graph = new SizedGraph(traced.model, probe?.model)
    // Packed, the weights of the second session would be a copy beside the one there is.
    const options = asked.slot === 'tapped' ? { ...this.options, lowMemory: true } : this.options
    const entries = this.#entriesOf(traced, graph.model)
    const key = sessionKey(graph.model, entries, options)
    const lease = leaseSession(key, (demand) => this.#session(traced, graph.model, entries, options, demand))
    const { outputs, slot } = asked
    const prepared: Prepared = { outputs, graph, lease, sizes: new MemoMap(), users: 0, retired: false }
    const before = this.#slots[slot]
    if (before) void this.#retire(before)
    this.#slots[slot] = prepared
    // The next call tries again.
    lease.opened.catch(() => this.#retire(prepared))
    return prepared
  }

  #entriesOf(traced: TracedEncoder, model: ModelProto): WeightEntry[] {
    const names = traced.weightsOf(model)
    return encoderWeights(this.encoder, this.#weights).filter(({ name }) => names.has(name))
  }

  #session(
    traced: TracedEncoder,
    model: ModelProto,
    entries: readonly WeightEntry[],
    options: EngineOptions,
    demand?: Demand,
  ) {
    const beside = demand?.begun.then(this.meanwhile)
    const write = async (dataOf: ParamData) => {
      await beside
      return traced.withData(model, dataOf)
    }
    return openSession(entries, this.#weights, options, write, demand)
  }

  /** What the graph is given for one size: constants, and tables that are computed here. */
  async #given({ graph, lease }: Prepared, traced: TracedEncoder) {
    const values = graph.inputsOf(traced.model) as readonly TensorProto[]
    const read = async ([name, { weight, dims }]: readonly [string, KeptTable]) => ({
      name,
      dims,
      data: float32Of(await this.#weights.get(weight)!.read()),
    })
    // Read while the session is made.
    const [{ engine }, kept] = await Promise.all([lease.opened, Promise.all([...traced.kept].map(read))])
    const feeds: Record<string, Feeds[string]> = {}
    for (const { name, element, dims, data } of values) {
      const { buffer, byteOffset, byteLength } = data as Uint8Array
      feeds[name] =
        element === 'int64'
          ? new engine.Tensor('int64', new BigInt64Array(buffer, byteOffset, byteLength / 8), dims)
          : new engine.Tensor('float32', new Float32Array(buffer, byteOffset, byteLength / 4), dims)
    }
    for (const { name, data, dims } of kept) feeds[name] = new engine.Tensor('float32', data, dims)
    if (traced.tables) {
      const options = { ...this.options, sessionOptions: { ...this.options.sessionOptions, ...ONCE } }
      const opened = await this.#session(traced, traced.tables, this.#entriesOf(traced, traced.tables), options)
      try {
        for (const [name, { data, dims }] of Object.entries(await runSession(opened, {})))
          feeds[name] = new engine.Tensor('float32', data as Float32Array, dims)
      } finally {
        await opened.session.release()
      }
    }
    const bytes = Object.values(feeds).reduce((sum, { data }) => sum + (data as Float32Array).byteLength, 0)
    return { feeds, bytes }
  }

  /** Keeps what was used last, and of the rest no more than a little. */
  async #dropSizes({ sizes }: Prepared): Promise<void> {
    void sizes.dropBeyond(MAX_SIZES)
    const [, ...others] = await Promise.all(sizes.newest().map((size) => size.catch(() => undefined)))
    let [count, total] = [1, 0]
    for (const size of others) {
      total += size?.bytes ?? 0
      if (total > MAX_KEPT) break
      count++
    }
    void sizes.dropBeyond(count)
  }

  async #retire(prepared: Prepared): Promise<void> {
    for (const slot of ['main', 'tapped'] as const) if (this.#slots[slot] === prepared) this.#slots[slot] = undefined
    if (prepared.retired) return
    prepared.retired = true
    if (prepared.users === 0) await prepared.lease.release()
  }

  /** No call runs. */
  async release(): Promise<void> {
    this.#isReleased = true
    for (const prepared of Object.values(this.#slots)) if (prepared) await this.#retire(prepared)
  }
}

/** Another size that the tower takes, by which what depends on the size is seen: whole units of it more, in either direction. */
function probeSize({ tower, config }: VisionEncoderSpec, [height, width]: readonly [number, number]): [number, number] {
  const { patchSize } = config
  const patch = typeof patchSize === 'number' ? ([patchSize, patchSize] as const) : patchSize
  const [down, across] = tower.smallestImage?.(config) ?? patch
  return [height + down * Math.ceil(32 / down), width + across * Math.ceil(64 / across)]
}

function feedsOf({ session, engine }: OpenSession, values: Feeds, { lastHiddenState }: EncodeRequest): Feeds {
  const end = BigInt64Array.of(BigInt(lastHiddenState ? ALL_TOKENS : FIRST_ONLY))
  const all: Feeds = { ...values, [FIRST_TOKENS]: new engine.Tensor('int64', end, [1]) }
  return Object.fromEntries(Object.entries(all).filter(([name]) => session.inputNames.includes(name)))
}

/** Names of the outputs that are asked for: `features`, `hidden_states.0` and so on. */
function fetchesOf({ session }: OpenSession, request: EncodeRequest): string[] {
  const wanted = new Set(Object.entries(request).flatMap(([name, value]) => (value ? [snakeCase(name)] : [])))
  return session.outputNames.filter((name) => wanted.has(name.split('.')[0]!))
}
