import { checkOptions, OptionError } from '../../base/errors'

/** What one side of a model loses in int8 against itself in float32. */
export interface QuantizationLoss {
  /** Cosines of embeddings to their own in float32. */
  readonly lowest: number
  readonly mean: number
  /** Of a search with these in the other side: how many of the nearest, and of the ten nearest, stay so (0 to 1). */
  readonly top1: number
  readonly top10: number
  /** Of each hidden state, the embeddings first: the length of its difference as a part of its own. */
  readonly layers: readonly number[]
}

/** What `quantizationReport` of a backend measures. */
export interface QuantizationReport {
  readonly vision: QuantizationLoss
  readonly text: QuantizationLoss
}

export interface ModelCardOptions {
  /** The title, and the name in the metrics. */
  name: string
  /** As the hub writes it: `apache-2.0`, `mit`, `cc-by-4.0`, `other`. */
  license: string
  /** What the model is, in a paragraph or more of Markdown. */
  description?: string
  /** The towers that it was made of, as names on the hub. */
  baseModels?: readonly string[]
  datasets?: readonly string[]
  /** ISO 639-1 codes. */
  languages?: readonly string[]
  tags?: readonly string[]
  /** `value` of `name`, measured on `dataset`. */
  metrics?: readonly { readonly name: string; readonly value: number; readonly dataset: string }[]
  /** How it was trained, a row each. */
  trainedWith?: Readonly<Record<string, string | number | boolean>>
  /** What it loses in int8. */
  quantization?: QuantizationReport
  /** What it is bad at, and what it should not be used for. */
  limitations?: string
}

const KEYS = [
  'name',
  'license',
  'description',
  'baseModels',
  'datasets',
  'languages',
  'tags',
  'metrics',
  'trainedWith',
  'quantization',
  'limitations',
] as const satisfies readonly (keyof ModelCardOptions)[]

const TASK = 'zero-shot-image-classification'

/** Double-quoted JSON is YAML. */
const quoted = (value: string | number): string => JSON.stringify(value)

const list = (key: string, values: readonly string[] = []): string[] =>
  values.length === 0 ? [] : [`${key}:`, ...values.map((value) => `- ${quoted(value)}`)]

function results(name: string, metrics: NonNullable<ModelCardOptions['metrics']>): string[] {
  const sets = [...new Set(metrics.map(({ dataset }) => dataset))]
  return [
    'model-index:',
    `- name: ${quoted(name)}`,
    '  results:',
    ...sets.flatMap((set) => [
      '  - task:',
      `      type: ${TASK}`,
      '    dataset:',
      `      name: ${quoted(set)}`,
      `      type: ${quoted(set)}`,
      '    metrics:',
      ...metrics
        .filter(({ dataset }) => dataset === set)
        .flatMap(({ name: metric, value }) => [
          `    - type: ${quoted(metric)}`,
          `      name: ${quoted(metric)}`,
          `      value: ${value}`,
        ]),
    ]),
  ]
}

const cell = (value: unknown): string =>
  String(value)
    .replace(/\|/g, '\\|')
    .replace(/\s*\n\s*/g, ' ')

const table = (head: readonly string[], rows: readonly (readonly unknown[])[]): string[] => [
  '',
  `| ${head.join(' | ')} |`,
  `| ${head.map(() => '---').join(' | ')} |`,
  ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
]

function lossTable({ vision, text }: QuantizationReport): string[] {
  const percent = (part: number) => `${(100 * part).toFixed(1)}%`
  const row = (name: string, { lowest, mean, top1, top10, layers }: QuantizationLoss) => {
    const worst = layers.length > 0 ? percent(Math.max(...layers)) : ''
    return [name, lowest.toFixed(5), mean.toFixed(5), percent(top1), percent(top10), worst]
  }
  return [
    '',
    '## int8',
    ...table(
      ['Side', 'Lowest cosine', 'Mean', 'Nearest kept', 'Of ten nearest', 'Worst layer'],
      [row('Pictures', vision), row('Texts', text)],
    ),
  ]
}

/** `README.md` of a model on the hub: what the hub reads in front, what people read below. */
export function modelCard(options: ModelCardOptions): string {
  checkOptions(options, KEYS, 'modelCard')
  const { name, license, description, metrics = [], trainedWith = {}, quantization, limitations } = options
  for (const [key, value] of Object.entries({ name, license }))
    if (typeof value !== 'string' || value === '')
      throw new OptionError(
        'bad-option',
        `modelCard: ${key} is missing. A card says what a model is called and how it may be used.`,
      )
  const bad = metrics.find(({ value }) => !Number.isFinite(value))
  if (bad) throw new OptionError('bad-option', `modelCard: the metric ${bad.name} is ${bad.value}. Give a number.`)
  return [
    '---',
    'library_name: dual-encoder',
    `license: ${quoted(license)}`,
    `pipeline_tag: ${TASK}`,
    ...list('tags', [...new Set(['dual-encoder', 'vision-text-dual-encoder', 'clip', ...(options.tags ?? [])])]),
    ...list('language', options.languages),
    ...list('base_model', options.baseModels),
    ...list('datasets', options.datasets),
    ...(metrics.length > 0 ? results(name, metrics) : []),
    '---',
    '',
    `# ${name}`,
    ...(description ? ['', description] : []),
    '',
    '```ts',
    "import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'",
    "import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'",
    '',
    `const model = await VisionTextDualEncoderModel.fromPretrained(${quoted(name)})`,
    `const processor = await VisionTextDualEncoderProcessor.fromPretrained(${quoted(name)})`,
    '```',
    '',
    'In Python: `VisionTextDualEncoderModel` and `VisionTextDualEncoderProcessor` of transformers load the same files.',
    ...(metrics.length > 0
      ? [
          '',
          '## Results',
          ...table(
            ['Metric', 'Value', 'Measured on'],
            metrics.map(({ name, value, dataset }) => [name, value, dataset]),
          ),
        ]
      : []),
    ...(Object.keys(trainedWith).length > 0
      ? ['', '## Training', ...table(['Setting', 'Value'], Object.entries(trainedWith))]
      : []),
    ...(quantization ? lossTable(quantization) : []),
    ...(limitations ? ['', '## Limitations', '', limitations] : []),
    '',
  ].join('\n')
}
