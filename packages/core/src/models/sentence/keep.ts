import { ConfigError } from '../../base/errors'
import { openSource, readJson } from '../../files/source'
import type { Source } from '../../files/types'
import type { WeightEntry, Weights } from '../../weights/entry'
import { openWeights } from '../../weights/open'
import { ENCODER_NAMES } from '../encoder'

const LOGIT_SCALE = 'logit_scale'

/** What lies beside a tower that a dual encoder would draw anew, by its names: the projection, the logit scale. */
export async function keptBeside(kind: 'vision' | 'text', source: Source, weights: Weights): Promise<Weights> {
  const name = `${ENCODER_NAMES[kind].projection}.weight`
  const kept = new Map([name, LOGIT_SCALE].flatMap((key) => (weights.has(key) ? [[key, weights.get(key)!]] : [])))
  const dense = kind === 'text' && !kept.has(name) ? await denseOf(source) : undefined
  return dense ? kept.set(name, { ...dense, name }) : kept
}

/** sentence-transformers' `2_Dense`, where there is one. @throws ConfigError for one that is more than a matrix. */
async function denseOf(source: Source): Promise<WeightEntry | undefined> {
  const json = await readJson(source, '2_Dense/config.json')
  if (!json) return undefined
  const { activation_function: activation, bias } = json
  if (bias === true || !/(^|\.)Identity$/.test(String(activation ?? 'Identity')))
    throw new ConfigError(
      'unsupported-config',
      `2_Dense has ${bias === true ? 'a bias' : `the activation ${String(activation)}`}; a projection is a matrix alone.`,
    )
  const { weights } = await openWeights(await openSource(source, { subfolder: '2_Dense' }))
  return weights.get('linear.weight')
}

/** Both towers' as one model's. @throws ConfigError for what is missing, or does not meet. */
export function joinKept(
  vision: Weights | undefined,
  text: Weights | undefined,
): { weights: Weights; projectionDim: number } {
  const weights = new Map<string, WeightEntry>([...(text ?? []), ...(vision ?? [])])
  const names = Object.values(ENCODER_NAMES).map(({ projection }) => `${projection}.weight`)
  const missing = [...names, LOGIT_SCALE].filter((name) => !weights.has(name))
  if (missing.length > 0)
    throw new ConfigError(
      'nothing-to-keep',
      `projections: "keep": there is no ${missing.join(', ')} to keep. The images' lie in a whole CLIP, the texts' in a whole ` +
        "model or in sentence-transformers' 2_Dense; towers that were loaded by themselves have none. Leave projections out to draw new ones.",
    )
  const [ofVision, ofText] = names.map((name) => weights.get(name)!.shape[0]) as [number, number]
  if (ofVision !== ofText)
    throw new ConfigError(
      'nothing-to-keep',
      `projections: "keep": the images' projection gives ${ofVision} values, the texts' ${ofText}. Both must meet in one space.`,
    )
  return { weights, projectionDim: ofVision }
}
