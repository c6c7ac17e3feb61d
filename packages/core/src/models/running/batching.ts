import { checkOptions, OptionError } from '../../base/errors'
import { joinRows, sliceRows, type Tensor } from '../../base/tensor'
import {
  type Batch,
  encoderInputs,
  type EncodeRequest,
  type EncoderOutput,
  type EncoderRunner,
  type EncoderSpec,
  type RunOptions,
} from '../encoder'

/** How calls that come at once are answered by one run of an encoder. */
export interface BatchingOptions {
  /** Pictures or texts of one run. Default: 16. */
  maxBatch?: number
  /** How long a call waits for others. Default: 2. */
  maxDelayMs?: number
}

/** @throws OptionError */
export function checkBatching(given: unknown): void {
  if (given === undefined) return
  if (typeof given !== 'object' || given === null)
    throw new OptionError('bad-option', `batching is ${JSON.stringify(given)}; { maxBatch, maxDelayMs } is needed.`)
  checkOptions(given, ['maxBatch', 'maxDelayMs'], 'batching')
  const { maxBatch = 1, maxDelayMs = 0 } = given as BatchingOptions
  if (!Number.isInteger(maxBatch) || maxBatch < 1)
    throw new OptionError('bad-option', `batching.maxBatch is ${maxBatch}; a whole number above 0 is needed.`)
  if (!(Number.isFinite(maxDelayMs) && maxDelayMs >= 0))
    throw new OptionError('bad-option', `batching.maxDelayMs is ${maxDelayMs}; milliseconds from 0 on are needed.`)
}

type Output = Partial<EncoderOutput<Tensor>>

interface Call {
  readonly batch: Batch
  readonly request: EncodeRequest
  readonly rows: number
  readonly due: number
  resolve(output: Output): void
  reject(error: unknown): void
}

/**
 * Answers calls that overlap by one run of another runner: those with pictures of one size, or texts of one length, so
 * that nothing is padded and no answer depends on what else is in the batch.
 */
export class BatchingRunner implements EncoderRunner {
  readonly #maxBatch: number
  readonly #maxDelay: number
  /** Calls that wait, by what may run together; the oldest first. */
  readonly #groups = new Map<string, Call[]>()
  readonly #open = new Set<Promise<unknown>>()
  #running = false
  #timer?: ReturnType<typeof setTimeout>

  constructor(
    private readonly inner: EncoderRunner,
    private readonly encoder: EncoderSpec,
    { maxBatch = 16, maxDelayMs = 2 }: BatchingOptions,
  ) {
    this.#maxBatch = maxBatch
    this.#maxDelay = maxDelayMs
  }

  run(batch: Batch, request: EncodeRequest, options: RunOptions = {}): Promise<Output> {
    const answer = isPlain(batch, request, options) ? this.#queued(batch, request, options) : undefined
    const work = answer ?? this.inner.run(batch, request, options)
    this.#open.add(work)
    const done = () => this.#open.delete(work)
    work.then(done, done)
    return work
  }

  #queued(batch: Batch, request: EncodeRequest, { signal }: RunOptions): Promise<Output> | undefined {
    const rows = Object.values(batch.inputs)[0]?.dims[0] ?? 0
    if (rows >= this.#maxBatch || signal?.aborted) return undefined
    return new Promise((resolve, reject) => {
      const key = keyOf(batch, request)
      const group = this.#groups.get(key) ?? []
      this.#groups.set(key, group)
      const leave = () => {
        // Whoever runs already is let run; its answer is nobody's.
        if (group.includes(call)) group.splice(group.indexOf(call), 1)
        reject(signal?.reason as Error)
      }
      const end = () => signal?.removeEventListener('abort', leave)
      const call: Call = {
        batch,
        request,
        rows,
        due: performance.now() + this.#maxDelay,
        resolve: (output) => (end(), resolve(output)),
        reject: (error) => (end(), reject(error as Error)),
      }
      signal?.addEventListener('abort', leave)
      group.push(call)
      this.#pump()
    })
  }

  /** Begins a run that is full, or (in a turn of its own) due; where none is, waits until one will be. */
  #pump(isTurn = false): void {
    if (this.#running) return
    clearTimeout(this.#timer)
    const now = performance.now()
    let [first, due] = ['', Infinity]
    for (const [key, group] of this.#groups) {
      const [oldest] = group
      if (!oldest) this.#groups.delete(key)
      else {
        const isFull = group.reduce((sum, { rows }) => sum + rows, 0) >= this.#maxBatch
        const at = isFull ? 0 : oldest.due
        if (at < due) [first, due] = [key, at]
      }
    }
    if (due === Infinity) return
    // Even where it is due already: whoever calls in this turn goes with it.
    if (due > now || !(isTurn || due === 0)) {
      this.#timer = setTimeout(() => this.#pump(true), Math.max(0, due - now))
      return
    }
    this.#running = true
    void this.#runSome(this.#groups.get(first) as Call[]).then(() => {
      this.#running = false
      // Those who were answered, and whoever came meanwhile, have their turn before the next run.
      this.#timer = setTimeout(() => this.#pump(true), 0)
    })
  }

  async #runSome(group: Call[]): Promise<void> {
    let [count, rows] = [0, 0]
    while (count < group.length && (count === 0 || rows + (group[count] as Call).rows <= this.#maxBatch))
      rows += (group[count++] as Call).rows
    const calls = group.splice(0, count)
    try {
      const request = Object.assign({}, ...calls.map((call) => given(call.request))) as EncodeRequest
      const output = await this.inner.run(this.#joined(calls), request)
      let start = 0
      for (const call of calls) {
        call.resolve(part(output, call.request, start, start + call.rows))
        start += call.rows
      }
    } catch (error) {
      // By itself each fails for what is its own.
      if (calls.length === 1) return calls[0]?.reject(error)
      for (const call of calls) await this.inner.run(call.batch, call.request).then(call.resolve, call.reject)
    }
  }

  #joined(calls: readonly Call[]): Batch {
    const [{ batch: first }] = calls as [Call]
    if (calls.length === 1) return first
    const inputs = encoderInputs(this.encoder, first.imageSize).map(({ name, dims }) => {
      const parts = calls.map(({ batch }) => batch.inputs[name] as Tensor)
      // What depends on the length alone is the same in all of them.
      return [name, dims[0] === 'batch' ? joinRows(parts) : parts[0]]
    })
    return { ...first, inputs: Object.fromEntries(inputs) as Batch['inputs'] }
  }

  async dispose(): Promise<void> {
    await Promise.allSettled([...this.#open])
    clearTimeout(this.#timer)
    await this.inner.dispose()
  }
}

/** What a run can give to several calls: not what is of another shape, or drawn. */
const isPlain = (batch: Batch, request: EncodeRequest, { dropoutSeed }: RunOptions): boolean =>
  dropoutSeed === undefined &&
  !request.hiddenStates &&
  !request.attentions &&
  !request.entering &&
  !batch.entering &&
  batch.pooled === undefined &&
  batch.kept === undefined

const given = (request: EncodeRequest) => Object.fromEntries(Object.entries(request).filter(([, value]) => value))

const keyOf = ({ inputs, imageSize }: Batch, { lastHiddenState = false }: EncodeRequest): string =>
  JSON.stringify([lastHiddenState, imageSize ?? inputs.inputIds?.dims[1]])

/** Rows `[start, end)` of the outputs that a request asks for. */
function part(output: Output, request: EncodeRequest, start: number, end: number): Output {
  const names = Object.keys(given(request)) as (keyof Output)[]
  // Copied: whoever keeps an answer keeps no one else's.
  const cut = (value: Tensor): Tensor => {
    const rows = sliceRows(value, start, end)
    return { ...rows, data: rows.data.slice() }
  }
  return Object.fromEntries(
    names.filter((name) => output[name]).map((name) => [name, cut(output[name] as Tensor)]),
  ) as Output
}
