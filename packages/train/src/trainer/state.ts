import { CheckpointError, type JsonObject, type Tensor } from '@dual-encoder/core'
import type { TrainingState } from '@dual-encoder/core/training'
import type { LoadedCheckpoint } from '../checkpoint/checkpoints'
import type { LoaderState } from '../data/loader'
import type { StepReport } from './options'

/** What a run goes on from, beside parameters and slots. */
export interface Progress {
  /** Steps done. */
  readonly step: number
  readonly loader: LoaderState
  /** The highest mean recall so far. */
  readonly best?: number
  readonly evaluation?: Readonly<Record<string, number>>
  /** Of the last step, where its evaluation was broken off. */
  readonly unjudged?: StepMetrics
}

/** What is known of a step when it is done. */
export type StepMetrics = Omit<StepReport, 'step' | 'steps'>

const PARAMS = 'params'

/** Parameters and slots to the bit, as a checkpoint's tensors. */
export const tensorsOf = ({ params, slots }: TrainingState): Map<string, Tensor> =>
  new Map([
    ...[...params].map(([name, value]) => [`${PARAMS}/${name}`, value] as const),
    ...[...slots].flatMap(([slot, values]) => [...values].map(([name, value]) => [`${slot}/${name}`, value] as const)),
  ])

/** The reverse of `tensorsOf`. @throws CheckpointError where it is of a run with another optimizer */
export function stateOf({ tensors, name }: LoadedCheckpoint, slots: readonly string[]): TrainingState {
  const under = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([key, value]) =>
        key.startsWith(`${prefix}/`) ? [[key.slice(prefix.length + 1), value as Tensor<'float32'>] as const] : [],
      ),
    )
  const params = under(PARAMS)
  const found = new Map(slots.map((slot) => [slot, under(slot)]))
  for (const [slot, values] of found)
    if (values.size !== params.size)
      throw new CheckpointError(
        'other-run',
        `${name} is of a run whose optimizer keeps no "${slot}" of its parameters. Give that run's options.`,
      )
  return { params, slots: found }
}

/** What decides what a step does: a run goes on with the same alone. */
export type RunSettings = Readonly<Record<string, string | number | boolean>>

/** @throws CheckpointError where a checkpoint is of a run with other settings */
export function progressOf({ state, name }: LoadedCheckpoint, settings: RunSettings): Progress {
  const saved = state.settings as JsonObject
  const other = [...new Set([...Object.keys(settings), ...Object.keys(saved)])].filter(
    (key) => saved[key] !== settings[key],
  )
  if (other.length > 0)
    throw new CheckpointError(
      'other-run',
      `${name} is of another run: ${other.map((key) => `${key} ${String(saved[key])}, here ${String(settings[key])}`).join('; ')}. ` +
        'Give the options that it was begun with, or another output.',
    )
  return state.progress as unknown as Progress
}
