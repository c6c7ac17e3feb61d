import { AutoProcessor } from '@dual-encoder/core'
import { openSource, openWeights, readJson, sizeOf, type WeightEntry } from '@dual-encoder/core/backend'
import { AutoModel, TextTower, VisionTower } from '@dual-encoder/onnx'
import type { Context, LoadFlags } from '../context'
import { modelSource } from '../model'
import { amount } from '../progress'

type Config = Readonly<Record<string, unknown>>

/** What a checkpoint is: its family, towers, sizes, dtypes and processor. Of a model on the hub only the heads of files are fetched. */
export async function info(named: string | undefined, flags: LoadFlags, context: Context): Promise<void> {
  const options = context.sourceOptions(flags)
  const place = modelSource(named ?? flags.model)
  const whole = await openSource(place, options)
  const source = whole.inParts?.() ?? whole
  const config = ((await readJson(source, 'config.json')) ?? {}) as Config
  const { file, framework, weights } = await openWeights(source, 'auto', config.model_type === undefined)
  const model = await AutoModel.fromPretrained(source, { onWarning: context.onWarning })
  const alone = model instanceof VisionTower || model instanceof TextTower
  const towers = alone ? { [model.config.modelType]: model.config } : pairOf(model.config)
  const dtypes = countsOf(weights.values())
  const processor = alone ? undefined : await AutoProcessor.fromPretrained(source).catch(() => undefined)
  const parameters = [...weights.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  const value = {
    source: place,
    modelType: String(config.model_type),
    ...(alone ? {} : { projectionDim: model.config.projectionDim }),
    towers: Object.entries(towers).map(([name, tower]) => towerOf(name, tower.toJSON() as Config)),
    weights: { file, framework, parameters, dtypes },
    ...(processor
      ? {
          processor: {
            imageProcessor: processor.imageProcessor.type,
            ...sizes(processor.imageProcessor.toJSON() as Config),
            maxLength: processor.tokenizer.modelMaxLength,
          },
        }
      : {}),
  }
  await model.dispose()
  context.print(linesOf(value), value)
}

const pairOf = ({ visionConfig: vision, textConfig: text }: { visionConfig: Tower; textConfig: Tower }) => ({
  vision,
  text,
})
interface Tower {
  toJSON(): object
}

const KEYS = ['hidden_size', 'num_hidden_layers', 'num_attention_heads', 'image_size', 'patch_size', 'vocab_size']

const towerOf = (name: string, config: Config): { name: string; modelType: string; [key: string]: unknown } => ({
  name,
  modelType: String(config.model_type),
  ...Object.fromEntries(KEYS.filter((key) => config[key] != null).map((key) => [camel(key), config[key]])),
})

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

const sizes = (config: Config): object => (config.size ? { size: config.size } : {})

/** Parameters of each storage type, as the file has them; int8 in words counts as what it is. */
function countsOf(entries: Iterable<WeightEntry>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { storage, quantized, shape } of entries) {
    const stored = quantized ? 'I8' : storage
    counts[stored] = (counts[stored] ?? 0) + sizeOf(shape)
  }
  return counts
}

interface Info {
  source: string
  modelType: string
  projectionDim?: number
  towers: { name: string; modelType: string; [key: string]: unknown }[]
  weights: { file: string; framework: string; parameters: number; dtypes: Record<string, number> }
  processor?: object
}

function linesOf({ source, modelType, projectionDim, towers, weights, processor }: Info): string[] {
  const list = (values: object) =>
    Object.entries(values)
      .map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
      .join(', ')
  const dtypes = Object.entries(weights.dtypes).map(([type, count]) => `${amount(count)} ${type}`)
  return [
    source,
    `  model      ${modelType}${projectionDim === undefined ? '' : `, projection of ${projectionDim}`}`,
    ...towers.map(({ name, modelType: type, ...rest }) => `  ${name.padEnd(10)} ${type}: ${list(rest)}`),
    `  weights    ${weights.file} (${weights.framework}): ${amount(weights.parameters)} parameters (${dtypes.join(', ')})`,
    ...(processor ? [`  processor  ${list(processor)}`] : []),
  ]
}
