import { ConfigError } from '../../base/errors'
import { lookup } from '../../base/lookup'
import { isJsonObject } from '../../base/pretrained-config'
import { readJson } from '../../files/source'
import type { Source } from '../../files/types'
import type { Pooling } from '../../towers/tower'
import type { Param } from '../../ops/ops'
import type { Weights } from '../../weights/entry'
import type { EncoderSpec } from '../encoder'
import { isPooler } from '../checkpoint/tower-names'

/** What sentence-transformers saved beside a text tower. */
export interface SentencePooling {
  /** Undefined where it is a mode that we do not have. */
  readonly pooling?: Pooling
  /** Whether a linear layer follows. */
  readonly dense: boolean
}

const MODES: Readonly<Record<string, Pooling>> = {
  cls: 'cls',
  mean: 'mean',
  max: 'max',
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
}

/** Reads sentence-transformers' `1_Pooling/config.json`, where there is one. */
export async function sentencePooling(source: Source): Promise<SentencePooling | undefined> {
  const json = await readJson(source, '1_Pooling/config.json')
  if (!json) return undefined
  const { pooling_mode: named } = json
  const flags = Object.keys(json).filter((key) => key.startsWith('pooling_mode_') && json[key] === true)
  // Several modes are joined into one longer vector, which no tower gives.
  const modes = named === undefined ? flags : [named].flat()
  const pooling = modes.length === 1 ? lookup(MODES, modes[0]) : undefined
  return { pooling, dense: isJsonObject(await readJson(source, '2_Dense/config.json')) }
}

/** A sentence on what `1_Pooling` beside the checkpoint says. */
export function adviceOf(found: SentencePooling | undefined): string {
  if (!found) return ''
  const said = found.pooling ? `says "${found.pooling}"` : 'names a mode that is not supported'
  const dense = found.dense
    ? ' and 2_Dense holds a linear layer behind it: fromVisionTextPretrained reads both with projections: "keep"'
    : ''
  return ` Beside the checkpoint, sentence-transformers' 1_Pooling ${said}${dense}.`
}

/** How the option is given. */
const howToPool = (kind: 'vision' | 'text', pooling: Pooling): string =>
  `(e.g. { ${kind}: { pooling: '${pooling}' } }; { config: { pooling: '${pooling}' } } where a tower is loaded by itself)`

/** Whether something has to stand in for a pooler, and nothing says what. */
export const lacksPooler = (
  { tower, config }: EncoderSpec,
  weights: Weights,
  expected: ReadonlyMap<string, Param>,
): boolean =>
  !config.pooling &&
  (tower.suits !== undefined || [...expected.keys()].some((name) => isPooler(name) && !weights.has(name)))

/** @throws ConfigError where the tower has no pooler, and its config does not say what stands in for it. */
export function checkPooling({ kind, tower, config }: EncoderSpec, found?: SentencePooling): void {
  const suited = (tower.suits as ((of: typeof config) => { pooling: Pooling; because: string }) | undefined)?.(config)
  if (!suited || config.pooling) return
  throw new ConfigError(
    'missing-pooler',
    `${config.modelType} has no pooler: give pooling: 'cls', 'mean' or 'max' for that tower ` +
      `${howToPool(kind, found?.pooling ?? suited.pooling)}. '${suited.pooling}': ${suited.because}.${adviceOf(found)}`,
  )
}
