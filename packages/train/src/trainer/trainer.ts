import { OptionError, type Tensor, tensor } from '@dual-encoder/core'
import { checkOptions, printWarning } from '@dual-encoder/core/backend'
import {
  lossOf,
  matryoshkaLoss,
  type Optimizer,
  type TrainingInputs,
  type TrainingPlan,
} from '@dual-encoder/core/training'
import { Checkpoints } from '../checkpoint/checkpoints'
import { DataLoader } from '../data/loader'
import { listed } from '../data/sample'
import { emaShare } from '../optimizers/average'
import { optimizerOf } from '../optimizers/optimizers'
import { planOf } from '../rules/rules'
import { type Schedule, scheduleOf } from '../schedules'
import { AVERAGE, AVERAGE_SHARE, updateRule } from '../update'
import { evaluate } from './evaluate'
import { RunLog } from './log'
import { Loop } from './loop'
import { type RunOptions, type RunResult, stepsOf, TRAINER_OPTIONS, type TrainerOptions } from './options'
import { evaluationSides, trainingSides } from './sides'
import { progressOf, type RunSettings, stateOf } from './state'

/** SigLIP's, of Zhai et al.: bias -10, scale ln 10. */
const OWN_BIAS = -10
const OWN_SCALE = Math.log(10)

/** Trains a model on pairs of pictures and captions. */
export class Trainer {
  readonly #options: TrainerOptions
  readonly #optimizer: Optimizer
  readonly #schedule: Schedule
  readonly #plan: TrainingPlan
  readonly #steps: number
  readonly #lr: number

  constructor(options: TrainerOptions) {
    checkOptions(options, TRAINER_OPTIONS, 'Trainer')
    const { model, data, optimizer = { name: 'adamw' }, rules = [['.*', 1]], average, clip = 1 } = options
    this.#options = options
    this.#steps = stepsOf(options, data)
    const { lr = 1e-4, ...rule } = optimizer
    this.#lr = lr
    this.#optimizer = optimizerOf(rule)
    this.#schedule = scheduleOf(this.#steps, options.schedule)
    const logits = ownLogits(options)
    const own = [...logits.keys()].filter((name) => !model.parameterShapes.has(name))
    const trained = [
      ...planOf(model.parameterShapes, rules).trained,
      ...own.map((name) => ({ name, factor: 1, decay: false })),
    ]
    const initial = new Map([...redrawn(options, new Set(trained.map(({ name }) => name))), ...logits])
    const loss = lossOf(options.loss ?? model.config.loss)
    this.#plan = {
      loss: options.dims ? matryoshkaLoss(loss, options.dims) : loss,
      initial,
      trained: trained.map(({ name }) => name),
      recompute: options.recompute,
      rule: updateRule({ optimizer: this.#optimizer, trained, clip, average: typeof average === 'number' }),
    }
  }

  /**
   * Trains to the end. @throws what `signal` was aborted with; BackendError where the loss is no number any more or
   * diverges: what was saved before that is untouched
   */
  async run({ signal, onStep, onCache }: RunOptions = {}): Promise<RunResult> {
    const options = this.#options
    const { model, data, output, average, evaluate: judging, seed = 0, batchSize } = options
    const { trained, rule } = this.#plan
    const keep = Math.max(options.keepCheckpoints ?? 2, typeof average === 'object' ? average.last : 1)
    const checkpoints = output === undefined ? undefined : new Checkpoints(output, { keep })
    const found = options.resume ? await checkpoints?.load() : undefined
    const progress = found && progressOf(found, this.#settings)
    const fill = { signal, onProgress: onCache }
    const sides = await trainingSides(options, trained, fill)
    const judged = judging && listed(judging.data)
    const judgedSides = judged && (await evaluationSides(options, trained, judged, fill))
    const { augment: _, ...rest } = options
    const loader = new DataLoader<TrainingInputs>(data, sides, {
      batchSize,
      seed,
      ...picked(rest, ['sampler', 'positives', 'bad', 'maxBad', 'onBad']),
      ...(progress && { state: progress.loader }),
    })
    const slot = typeof average === 'number' ? AVERAGE : undefined
    const run = await model.train(this.#plan)
    try {
      if (found) await run.restore(stateOf(found, rule.slots))
      const log = await RunLog.open(output, {
        steps: this.#steps,
        done: progress?.step ?? 0,
        progress: options.progress,
        settings: { ...this.#settings, steps: this.#steps, lr: this.#lr },
      })
      const loop = new Loop({
        run,
        loader,
        log,
        checkpoints,
        slot,
        options,
        settings: this.#settings,
        slots: rule.slots,
        steps: this.#steps,
        rateAt: (step) => this.#lr * this.#schedule(step),
        numbersAt: (step, lr) => this.#numbers(step, lr),
        judge: judged && judgedSides && (() => evaluate(run, judged, judgedSides, { rows: batchSize, slot, signal })),
      })
      return await loop.go(progress, { signal, onStep })
    } finally {
      await run.dispose()
    }
  }

  #numbers(step: number, lr: number): Record<string, number> {
    const { average } = this.#options
    const numbers = this.#optimizer.numbers(step, lr)
    return typeof average === 'number' ? { ...numbers, [AVERAGE_SHARE]: emaShare(average, step) } : numbers
  }

  /** What decides what a step does: a run is resumed with the same. */
  get #settings(): RunSettings {
    const { model, loss = model.config.loss, optimizer, seed = 0, batchSize, patchDropout = 0, sampler } = this.#options
    return {
      seed,
      batchSize,
      loss: typeof loss === 'function' ? 'a function' : loss,
      optimizer: optimizer?.name ?? 'adamw',
      patchDropout,
      sampler: sampler ?? 'shuffled',
    }
  }
}

const picked = <O extends object, K extends keyof O>(options: O, names: readonly K[]): Partial<Pick<O, K>> =>
  Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]]))) as Partial<
    Pick<O, K>
  >

/** What the towers that are drawn anew begin as. @throws OptionError where a rule locks some of one */
function redrawn({ model, redraw = [], seed = 0 }: TrainerOptions, trained: ReadonlySet<string>) {
  const drawn = redraw.flatMap((tower) => [...model.redrawn(tower, seed)])
  const locked = drawn.find(([name]) => !trained.has(name))
  if (locked)
    throw new OptionError(
      'bad-option',
      `redraw: ${redraw.join(', ')} given, and rules lock ${locked[0]}: what is drawn anew has to be trained. Leave the tower out of redraw, or train all of it.`,
    )
  return drawn
}

/** SigLIP's loss needs a bias: where the model has none, the run has one of its own. */
function ownLogits({ model, loss, onWarning = printWarning }: TrainerOptions): Map<string, Tensor<'float32'>> {
  if (loss !== 'siglip' || model.config.logitBias) return new Map()
  const shape = model.parameterShapes.get('logit_scale') ?? []
  onWarning({
    code: 'own-logit-bias',
    message:
      "loss 'siglip': the model has no logit_bias. The run trains one of its own, from -10 on, and begins with a logit_scale " +
      'of ln 10; the bias is in its checkpoints, and not in the model that is saved.',
    names: ['logit_bias'],
  })
  return new Map([
    ['logit_bias', tensor(Float32Array.of(OWN_BIAS), shape)],
    ['logit_scale', tensor(Float32Array.of(OWN_SCALE), shape)],
  ])
}
