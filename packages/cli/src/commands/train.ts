import { readFile } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OptionError, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import {
  folderData,
  type FolderOptions,
  lit,
  type LitLetter,
  type Rules,
  Trainer,
  type TrainerOptions,
} from '@dual-encoder/train'
import type { Context } from '../context'
import { loadModel } from '../model'

type Options = TrainerOptions
type Pair = { readonly vision: string; readonly text: string }

/** A recipe: Trainer's options, of which a file of JSON can say some by name. Paths are relative to the recipe. */
type Given = 'model' | 'processor' | 'data' | 'rules' | 'output' | 'cache' | 'evaluate'
interface Recipe extends Partial<Omit<Options, Given>> {
  /** A checkpoint, two towers that become a model, or a model. */
  readonly model: string | Pair | Options['model']
  /** Default: the model's. */
  readonly processor?: Options['processor']
  /** A folder with a table of captions, or data. */
  readonly data: string | ({ readonly folder: string } & FolderOptions) | Options['data']
  readonly output?: string
  readonly cache?: Options['cache']
  readonly evaluate?: Omit<NonNullable<Options['evaluate']>, 'data'> & {
    readonly data: Recipe['data']
  }
  /** Rules, or the name of a preset of LiT: `lit-LU`. */
  readonly rules?: Rules | `lit-${LitLetter}${LitLetter}`
}

/** Trains by a recipe. Ctrl-C saves; the same command goes on from there. */
export async function train(file: string, _flags: object, context: Context): Promise<void> {
  const { model, processor, data, rules, cache, evaluate, ...rest } = await readRecipe(file)
  const resolved = (path: string) => (/^(\.|\/)/.test(path) ? resolve(dirname(file), path) : path)
  const loaded = await modelOf(model, resolved, context)
  const made = processor ?? loaded.processor
  if (!made) throw new OptionError('no-processor', `${file}: a model was given without a processor.`)
  const output = rest.output === undefined ? undefined : resolve(dirname(file), rest.output)
  const trainer = new Trainer({
    resume: true,
    // The command shows its own.
    progress: false,
    ...rest,
    ...(output === undefined ? {} : { output }),
    ...(cache === undefined ? {} : { cache: typeof cache === 'string' ? resolve(dirname(file), cache) : cache }),
    ...(evaluate === undefined ? {} : { evaluate: { ...evaluate, data: await dataOf(evaluate.data, resolved) } }),
    ...(rules === undefined ? {} : { rules: typeof rules === 'string' ? presetOf(rules) : rules }),
    batchSize: rest.batchSize ?? 32,
    model: loaded.model,
    processor: made,
    data: await dataOf(data, resolved),
  } as Options)
  // A checkpoint is of use from the first that is saved.
  if (output !== undefined) await loaded.processor?.savePretrained(output)
  const progress = context.progress('train')
  let [first, shown] = [0, Date.now()]
  const { steps, loss, checkpoint } = await trainer.run({
    signal: context.signal,
    onStep({ step, steps, ...report }) {
      first ||= step
      progress.update(step, steps, first - 1)
      if (context.json) context.print('', { step, steps, ...report })
      else if (Date.now() - shown > 30_000) {
        shown = Date.now()
        context.say(`step ${step}/${steps}  loss ${report.loss.toPrecision(4)}`)
      }
    },
  })
  context.print(`${steps} steps, loss ${loss.toPrecision(4)}${checkpoint ? `: ${checkpoint}` : ''}`, {
    steps,
    loss,
    checkpoint,
  })
}

async function readRecipe(file: string): Promise<Recipe> {
  const end = extname(file)
  let recipe: unknown
  if (end === '.json') recipe = parsed(await readFile(file, 'utf8'), file)
  else if (/^\.[mc]?[jt]s$/.test(end)) {
    const module = (await import(pathToFileURL(resolve(file)).href).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error
      throw new OptionError('bad-recipe', `${file}: Node ${process.version} runs no TypeScript; 22.18 and newer do.`)
    })) as { default?: unknown }
    recipe = typeof module.default === 'function' ? await (module.default as () => unknown)() : module.default
  } else
    throw new OptionError(
      'bad-recipe',
      `${file}: a recipe is a file .json, or .mjs or .ts that exports one by default.`,
    )
  const { model, data } = (recipe ?? {}) as Partial<Recipe>
  if (!model || !data) throw new OptionError('bad-recipe', `${file}: a recipe names at least model and data.`)
  return recipe as Recipe
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new OptionError('bad-recipe', `${file} is no JSON: ${(error as Error).message}`)
  }
}

async function modelOf(model: Recipe['model'], resolved: (path: string) => string, context: Context) {
  if (typeof model === 'string') return loadModel(context, { model: resolved(model) })
  if (!('vision' in model)) return { model }
  const { onWarning, signal } = context
  const [vision, text] = [resolved(model.vision), resolved(model.text)]
  return {
    model: await VisionTextDualEncoderModel.fromVisionTextPretrained(vision, text, { onWarning, signal }),
    processor: await VisionTextDualEncoderProcessor.fromPretrained(vision, { tokenizer: text, signal }),
  }
}

async function dataOf(data: Recipe['data'], resolved: (path: string) => string): Promise<Options['data']> {
  if (typeof data === 'string') return folderData(resolved(data))
  if (!('folder' in data)) return data
  const { folder, ...options } = data
  return folderData(resolved(folder), options)
}

function presetOf(name: string): Rules {
  if (!name.startsWith('lit-'))
    throw new OptionError('bad-preset', `rules is "${name}"; a preset is lit-LU, lit-UU ...`)
  return lit(name.slice(4) as `${LitLetter}${LitLetter}`).rules
}
