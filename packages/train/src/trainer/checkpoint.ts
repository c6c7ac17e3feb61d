import {
  CheckpointError,
  readSafetensors,
  SourceError,
  type Tensor,
  tensor,
  writeSafetensors,
} from '@dual-encoder/core'
import { openTarget, type TrainingState } from '@dual-encoder/core/backend'

/** The file with all that a run goes on from. It takes its place when it is whole. */
const FILE = 'training.safetensors'
const PROGRESS = 'progress'

export interface Progress {
  /** Steps done. */
  readonly step: number
  readonly seed: number
}

/** Writes what a run goes on from, parameters and slots to the bit. */
export async function saveRun(
  folder: string,
  { step, seed }: Progress,
  { params, slots }: TrainingState,
): Promise<void> {
  const entries = [
    [PROGRESS, tensor(Float64Array.of(step, seed), [2])],
    ...[...params].map(([name, value]) => [`params/${name}`, value]),
    ...[...slots].flatMap(([slot, values]) => [...values].map(([name, value]) => [`${slot}/${name}`, value])),
  ] as [string, Tensor][]
  const target = await openTarget(folder)
  await target.write(FILE, [writeSafetensors(new Map(entries))])
}

/** What `saveRun` wrote; undefined where there is nothing. @throws CheckpointError where it is of another run */
export async function loadRun(
  folder: string,
  seed: number,
  slots: readonly string[],
): Promise<{ progress: Progress; state: TrainingState } | undefined> {
  const read = await readSafetensors(`${folder}/${FILE}`).catch((error: unknown) => {
    if (error instanceof SourceError && error.code === 'source-not-found') return undefined
    throw error
  })
  if (!read) return undefined
  const progress = read.get(PROGRESS)?.data as Float64Array | undefined
  const under = (place: string) =>
    new Map(
      [...read].flatMap(([name, value]) =>
        name.startsWith(`${place}/`) ? [[name.slice(place.length + 1), value as Tensor<'float32'>] as const] : [],
      ),
    )
  if (!progress || progress[1] !== seed)
    throw new CheckpointError(
      'other-run',
      `${folder} holds a run of seed ${progress?.[1]}; this one has ${seed}. Give that seed, or another output.`,
    )
  const params = under('params')
  const found = new Map(slots.map((slot) => [slot, under(slot)]))
  for (const [slot, values] of found)
    if (values.size !== params.size)
      throw new CheckpointError(
        'other-run',
        `${folder} holds a run whose optimizer keeps no "${slot}" of its parameters. Give that run's options.`,
      )
  return { progress: { step: progress[0] as number, seed }, state: { params, slots: found } }
}
