import type { LoaderData } from '../data/sample'
import type { EvaluateOptions, RunResult, StepReport, TrainerOptions } from './options'
import { Trainer } from './trainer'

/** What hears of a run, by Keras's names. Epochs count from 0 on, as there; logs are means over an epoch, or of a step. */
export interface Callback {
  onTrainBegin?(): void
  onEpochBegin?(epoch: number): void
  onBatchEnd?(batch: number, logs: StepReport): void
  onEpochEnd?(epoch: number, logs: { readonly loss: number }): void
  onTrainEnd?(result: RunResult): void
}

/** A trainer's options, but for the data and how long. */
export type CompileOptions = Omit<TrainerOptions, 'data' | 'batchSize' | 'epochs' | 'steps' | 'evaluate' | 'seed'>

export interface FitOptions {
  readonly epochs: number
  /** Default: 32, as in Keras. */
  readonly batchSize?: number
  /** Pictures with captions that are searched after the last epoch. */
  readonly validationData?: EvaluateOptions['data']
  readonly callbacks?: readonly Callback[]
  readonly seed?: number
  /** Ends the run after the step that runs. */
  readonly signal?: AbortSignal
}

export interface History {
  /** The mean of each epoch. */
  readonly loss: readonly number[]
  readonly result: RunResult
}

/** The form of Keras: `await compile({ model, processor, optimizer }).fit(data, { epochs: 3 })`. A `Trainer` does the work. */
export const compile = (
  compiled: CompileOptions,
): { fit(data: LoaderData, options: FitOptions): Promise<History> } => ({
  async fit(data, { epochs, batchSize = 32, validationData, callbacks = [], seed, signal }) {
    const hear = <K extends keyof Callback>(name: K, ...args: Parameters<NonNullable<Callback[K]>>) => {
      for (const callback of callbacks) (callback[name] as ((...given: typeof args) => void) | undefined)?.(...args)
    }
    const judged = validationData && { evaluate: { every: Infinity, data: validationData } }
    const trainer = new Trainer({
      ...compiled,
      data,
      batchSize,
      epochs,
      ...judged,
      ...(seed !== undefined && { seed }),
    })
    const losses: number[][] = []
    hear('onTrainBegin')
    const result = await trainer.run({
      signal,
      onStep(report) {
        const perEpoch = report.steps / epochs
        const epoch = Math.floor((report.step - 1) / perEpoch)
        if (!losses[epoch]) {
          losses[epoch] = []
          hear('onEpochBegin', epoch)
        }
        losses[epoch].push(report.loss)
        hear('onBatchEnd', losses[epoch].length - 1, report)
        if (report.step === Math.round((epoch + 1) * perEpoch))
          hear('onEpochEnd', epoch, { loss: meanOf(losses[epoch]) })
      },
    })
    hear('onTrainEnd', result)
    return { loss: losses.map(meanOf), result }
  },
})

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
