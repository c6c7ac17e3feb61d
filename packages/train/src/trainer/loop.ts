import { BackendError, modelCard, tensor } from '@dual-encoder/core'
import { breathing, printWarning } from '@dual-encoder/core/backend'
import { stepSeed, type TrainingInputs, type TrainingRun } from '@dual-encoder/core/training'
import type { Checkpoints, LoadedCheckpoint } from '../checkpoint/checkpoints'
import type { Batch, DataLoader } from '../data/loader'
import { folderOf, targetOf } from '../files'
import { averaging } from '../optimizers/average'
import { LossWatch } from './divergence'
import type { Evaluation } from './evaluate'
import type { RunLog } from './log'
import type { RunOptions, RunResult, TrainerOptions } from './options'
import { type Progress, type RunSettings, stateOf, type StepMetrics, tensorsOf } from './state'

export interface LoopParts {
  readonly run: TrainingRun
  readonly loader: DataLoader<TrainingInputs>
  readonly log: RunLog
  readonly checkpoints?: Checkpoints
  /** With the weights that are saved; the parameters themselves unless given. */
  readonly slot?: string
  readonly slots: readonly string[]
  readonly options: TrainerOptions
  readonly settings: RunSettings
  readonly steps: number
  /** The learning rate of a step, from 0 on. */
  rateAt(step: number): number
  numbersAt(step: number, lr: number): Record<string, number>
  readonly judge?: () => Promise<Evaluation>
}

const inputsOf = ({ positives, weights, samples, ...inputs }: Batch<TrainingInputs>): TrainingInputs => {
  const n = samples.length
  return {
    ...inputs,
    positives: tensor(positives, [n, n]),
    ...(weights && { weights: tensor(weights, [n]) }),
  }
}

interface Saving extends Pick<Progress, 'unjudged'> {
  readonly best?: boolean
}

/** The steps of a run, and what happens between them. */
export class Loop {
  #done = 0
  #saved = -1
  #best?: number
  #evaluation?: Evaluation
  readonly #watch = new LossWatch()

  constructor(private readonly parts: LoopParts) {}

  async go(
    progress: Progress | undefined,
    { signal, onStep }: Pick<RunOptions, 'signal' | 'onStep'>,
  ): Promise<RunResult> {
    const { run, loader, log, steps, options, checkpoints } = this.parts
    const { batchSize, chunkSize, dropout = true, seed = 0, output } = options
    if (progress) {
      this.#done = this.#saved = progress.step
      this.#best = progress.best
      this.#evaluation = progress.evaluation as Evaluation | undefined
    }
    const batches = loader[Symbol.asyncIterator]()
    let loss = NaN
    try {
      if (progress?.unjudged) {
        loss = progress.unjudged.loss
        await this.#settle(progress.unjudged)
      }
      while (this.#done < steps) {
        if (signal?.aborted) {
          if (this.#saved !== this.#done) await this.#save()
          throw signal.reason
        }
        const start = performance.now()
        const step = this.#done
        const lr = this.parts.rateAt(step)
        const { value: batch } = (await batches.next()) as { value: Batch<TrainingInputs> }
        const result = await run.step(inputsOf(batch), {
          numbers: this.parts.numbersAt(step + 1, lr),
          chunkSize,
          ...(dropout ? { dropoutSeed: stepSeed(seed, step) } : {}),
        })
        const trouble = this.#watch.see(result.loss, result.gradNorm)
        if (trouble) throw this.#diverged(trouble, lr)
        loss = result.loss
        this.#done++
        const report = { ...result, lr, examplesPerSecond: (1000 * batchSize) / (performance.now() - start) }
        onStep?.({ step: this.#done, steps, ...report })
        await this.#settle(report)
      }
      if (checkpoints) await this.#finish()
    } finally {
      await batches.return(undefined)
      await log.flush().catch(() => undefined)
    }
    return {
      steps: this.#done,
      loss,
      bad: loader.state.bad,
      ...(this.#evaluation && { evaluation: this.#evaluation }),
      ...(output !== undefined && { checkpoint: targetOf(output) }),
    }
  }

  /** After a step: evaluates, writes and saves what is due. */
  async #settle(report: StepMetrics): Promise<void> {
    const { log, steps, options } = this.parts
    const { evaluate, saveEvery = 1000 } = options
    const isLast = this.#done === steps
    const isJudged = evaluate !== undefined && (isLast || this.#done % evaluate.every === 0)
    const isBest = isJudged && (await this.#judge(report))
    await log.write({ step: this.#done, ...report, ...(isJudged && this.#evaluation) })
    if (this.#done % saveEvery === 0 || isLast || (isBest && evaluate?.keep === 'best'))
      await this.#saveOrWarn({ best: isBest, isLast })
    if (isJudged) await log.flush()
  }

  /** What breaks an evaluation off costs no step. @returns whether these weights are the best so far */
  async #judge(unjudged: StepMetrics): Promise<boolean> {
    try {
      this.#evaluation = await this.parts.judge?.()
    } catch (error) {
      await this.#saveOrWarn({ unjudged })
      throw error
    }
    const { recall } = this.#evaluation ?? {}
    if (recall === undefined || recall <= (this.#best ?? -1)) return false
    this.#best = recall
    return true
  }

  async #save({ best = false, unjudged }: Saving = {}): Promise<void> {
    const { checkpoints, run, slot, settings, loader } = this.parts
    if (!checkpoints) return
    const progress: Progress = {
      step: this.#done,
      loader: loader.state,
      ...(this.#best !== undefined && { best: this.#best }),
      ...(this.#evaluation && { evaluation: this.#evaluation }),
      ...(unjudged && { unjudged }),
    }
    await checkpoints.save({
      step: this.#done,
      tensors: tensorsOf(await run.state()),
      state: { settings, progress: JSON.parse(JSON.stringify(progress)) },
      save: (target) => run.savePretrained(target, slot),
      best,
    })
    this.#saved = this.#done
  }

  /** A checkpoint on the way that cannot be written (a full disk) is no reason to lose the run: the one before stays. */
  async #saveOrWarn({ isLast = false, ...how }: Saving & { readonly isLast?: boolean }): Promise<void> {
    const { onWarning = printWarning } = this.parts.options
    try {
      await this.#save(how)
    } catch (cause) {
      if (isLast) throw cause
      onWarning({
        code: 'checkpoint-failed',
        message: `Step ${this.#done}: no checkpoint was written (${(cause as Error).message}). The one before is whole.`,
      })
    }
  }

  /** The trained model, for others: the last weights, the best, or the mean of the last checkpoints. */
  async #finish(): Promise<void> {
    const { checkpoints, run, slot, options } = this.parts
    const { output, average, evaluate, processor } = options
    const target = await folderOf(output!).target()
    const last = typeof average === 'object' ? await checkpoints!.loadLast(average.last) : []
    const best = evaluate?.keep === 'best' ? await checkpoints!.load('best') : undefined
    if (best) await run.restore(this.#stateOf(best))
    else if (last.length > 0) {
      const states = last.map((one) => this.#stateOf(one))
      await run.restore({ ...states.at(-1)!, params: await breathing(averaging(states.map(({ params }) => params))) })
    }
    await run.savePretrained(target, slot)
    await (processor as { savePretrained?: (to: unknown) => Promise<void> }).savePretrained?.(target)
    if (options.modelCard) await target.write('README.md', [new TextEncoder().encode(this.#card())])
  }

  #stateOf(checkpoint: LoadedCheckpoint) {
    return stateOf(checkpoint, this.parts.slots)
  }

  #card(): string {
    const { options, settings, steps } = this.parts
    const card = options.modelCard!
    const dataset = card.datasets?.at(-1) ?? 'evaluation data'
    const measured = Object.entries(this.#evaluation ?? {}).map(([name, value]) => ({ name, value, dataset }))
    return modelCard({
      ...card,
      metrics: [...(card.metrics ?? []), ...measured],
      trainedWith: { ...settings, steps, ...card.trainedWith },
    })
  }

  #diverged(trouble: string, lr: number): BackendError {
    const { output } = this.parts.options
    const kept =
      this.#saved > 0
        ? `The checkpoint of step ${this.#saved} is whole (resume: true goes on from it).`
        : output === undefined
          ? 'Nothing was saved: give output.'
          : 'No checkpoint was written yet: make saveEvery smaller.'
    return new BackendError(
      'diverged',
      `Step ${this.#done + 1}: ${trouble}, at a learning rate of ${lr}. Try a lower one, or a longer warm-up. ${kept}`,
    )
  }
}
