import { BackendError, OptionError, type Tensor } from '@dual-encoder/core'
import { checkOptions, type Optimizer, stepSeed, type TrainingPlan, type TrainingRun } from '@dual-encoder/core/backend'
import { emaShare } from '../optimizers/average'
import { optimizerOf, type OptimizerOptions } from '../optimizers/optimizers'
import { planOf, type Rules } from '../rules/rules'
import { type Schedule, scheduleOf, type ScheduleOptions } from '../schedules'
import { AVERAGE, AVERAGE_SHARE, updateRule } from '../update'
import { Batches, type TrainingData } from './batches'
import { loadRun, saveRun } from './checkpoint'

/** What a trainer needs of a model, whichever backend it runs on. */
export interface TrainableModel {
  /** Sizes of its parameters by name. */
  readonly parameterShapes: ReadonlyMap<string, readonly number[]>
  train(plan: TrainingPlan): TrainingRun
}

/** What makes a model's inputs: a processor. */
export type MakeInputs<Image> = (inputs: {
  text: string[]
  images: Image[]
  padding: true
  truncation: true
}) => Promise<{ readonly pixelValues: Tensor; readonly inputIds: Tensor }>

export interface TrainerOptions<Image> {
  readonly model: TrainableModel
  readonly processor: MakeInputs<Image>
  readonly data: TrainingData<Image>
  /** Default: the model's family's. */
  readonly loss?: 'clip' | 'siglip'
  readonly batchSize: number
  /** Rows that go through an encoder at a time: less memory, the same gradients, a third more time. */
  readonly chunkSize?: number
  /** How long: one of the two. */
  readonly steps?: number
  readonly epochs?: number
  readonly optimizer?: OptimizerOptions & { readonly lr?: number }
  readonly schedule?: ScheduleOptions
  /** Which parameters learn, and how fast; all unless given. */
  readonly rules?: Rules
  /** The longest that all gradients together may be. Default: 1. */
  readonly clip?: number
  /** How much a running mean of the weights keeps at each step, such as 0.999; that mean is what is saved. None unless given. */
  readonly average?: number
  /** Whether towers drop as their configs say. Default: true. */
  readonly dropout?: boolean
  /** Of the order of data, captions and dropout. Default: 0. */
  readonly seed?: number
  /** A folder: for the trained model, and what a run goes on from. */
  readonly output?: string
  /** Steps between such savings, beside that at the end. Default: 1,000. */
  readonly saveEvery?: number
  /** Go on from what `output` holds, where it holds something. */
  readonly resume?: boolean
}

const OPTIONS = [
  'model',
  'processor',
  'data',
  'loss',
  'batchSize',
  'chunkSize',
  'steps',
  'epochs',
  'optimizer',
  'schedule',
  'rules',
  'clip',
  'average',
  'dropout',
  'seed',
  'output',
  'saveEvery',
  'resume',
] as const satisfies readonly (keyof TrainerOptions<unknown>)[]

export interface StepReport {
  /** From 1 on. */
  readonly step: number
  readonly steps: number
  readonly loss: number
  /** Of all gradients together, before they are clipped. */
  readonly gradNorm: number
  readonly lr: number
  readonly examplesPerSecond: number
}

export interface RunOptions {
  /** Stops after the step that runs, when what was done has been saved. */
  readonly signal?: AbortSignal
  readonly onStep?: (report: StepReport) => void
}

/** Trains a model on pairs of pictures and captions. */
export class Trainer<Image> {
  readonly #options: TrainerOptions<Image>
  readonly #batches: Batches<Image>
  readonly #optimizer: Optimizer
  readonly #schedule: Schedule
  readonly #plan: TrainingPlan
  readonly #steps: number
  readonly #lr: number
  readonly #seed: number

  constructor(options: TrainerOptions<Image>) {
    checkOptions(options, OPTIONS, 'Trainer')
    const { model, data, batchSize, optimizer = { name: 'adamw' }, rules = [['.*', 1]], average, clip = 1 } = options
    this.#options = options
    this.#seed = options.seed ?? 0
    this.#batches = new Batches(data, batchSize, this.#seed)
    this.#steps = stepsOf(options, this.#batches.perEpoch)
    const { lr = 1e-4, ...rule } = optimizer
    this.#lr = lr
    this.#optimizer = optimizerOf(rule)
    this.#schedule = scheduleOf(this.#steps, options.schedule)
    const { trained } = planOf(model.parameterShapes, rules)
    this.#plan = {
      ...(options.loss ? { loss: options.loss } : {}),
      trained: trained.map(({ name }) => name),
      rule: updateRule({ optimizer: this.#optimizer, trained, clip, average: average !== undefined }),
    }
  }

  /**
   * Trains to the end. @throws what `signal` was aborted with; BackendError where the loss is no number any more: what was
   * saved before that is untouched
   */
  async run({ signal, onStep }: RunOptions = {}): Promise<{ steps: number; loss: number; checkpoint?: string }> {
    const { model, output, resume, saveEvery = 1000, batchSize, chunkSize, dropout = true } = this.#options
    const seed = this.#seed
    const run = model.train(this.#plan)
    try {
      const found = resume && output ? await loadRun(output, seed, this.#plan.rule.slots) : undefined
      if (found) await run.restore(found.state)
      let done = found?.progress.step ?? 0
      let loss = NaN
      let next = this.#inputs(done)
      while (done < this.#steps) {
        if (signal?.aborted) {
          await this.#save(run, done)
          throw signal.reason
        }
        const start = performance.now()
        const inputs = await next
        // Made while the engine works.
        next = done + 1 < this.#steps ? this.#inputs(done + 1) : next
        next.catch(() => undefined)
        const lr = this.#lr * this.#schedule(done)
        const result = await run.step(inputs, {
          numbers: this.#numbers(done + 1, lr),
          chunkSize,
          ...(dropout ? { dropoutSeed: stepSeed(seed, done) } : {}),
        })
        loss = result.loss
        if (!Number.isFinite(loss) || !Number.isFinite(result.gradNorm)) throw this.#diverged(done + 1, lr, result)
        done++
        const examplesPerSecond = (1000 * batchSize) / (performance.now() - start)
        onStep?.({ step: done, steps: this.#steps, ...result, lr, examplesPerSecond })
        if (done % saveEvery === 0 || done === this.#steps) await this.#save(run, done)
      }
      return { steps: done, loss, ...(output ? { checkpoint: output } : {}) }
    } finally {
      await run.dispose()
    }
  }

  async #inputs(step: number) {
    return this.#options.processor({ ...(await this.#batches.at(step)), padding: true, truncation: true })
  }

  #numbers(step: number, lr: number): Record<string, number> {
    const { average } = this.#options
    const numbers = this.#optimizer.numbers(step, lr)
    return average === undefined ? numbers : { ...numbers, [AVERAGE_SHARE]: emaShare(average, step) }
  }

  /** The model for others first; then, in one piece, what a run goes on from. */
  async #save(run: TrainingRun, step: number): Promise<void> {
    const { output, average } = this.#options
    if (output === undefined) return
    await run.savePretrained(output, average === undefined ? undefined : AVERAGE)
    await saveRun(output, { step, seed: this.#seed }, await run.state())
  }

  #diverged(step: number, lr: number, { loss, gradNorm }: { loss: number; gradNorm: number }): BackendError {
    const { output } = this.#options
    return new BackendError(
      'diverged',
      `Step ${step}: the loss is ${loss}, the length of all gradients ${gradNorm}, at a learning rate of ${lr}. ` +
        `Try a lower one, or a longer warm-up. ${output ? `What was saved last lies in ${output}.` : 'Nothing was saved: give output.'}`,
    )
  }
}

function stepsOf({ steps, epochs }: Pick<TrainerOptions<unknown>, 'steps' | 'epochs'>, perEpoch: number): number {
  const count = steps ?? (epochs ?? NaN) * perEpoch
  if ((steps === undefined) === (epochs === undefined) || !(Number.isInteger(count) && count > 0))
    throw new OptionError('bad-option', `Give steps or epochs, a whole number; steps ${steps}, epochs ${epochs} given.`)
  return count
}
