import { callable } from '../../base/callable'
import { openSource, readJson } from '../../files/source'
import { SOURCE_OPTIONS, type SourceLike, type SourceOptions } from '../../files/types'
import { openTarget, type TargetLike } from '../../files/target'
import { isJsonObject, type JsonObject } from '../../base/pretrained-config'
import { jsonText } from '../../base/python-json'
import type { DualEncoderError } from '../../base/errors'
import { checkOptions, ConfigError, ImageError, InputError, OptionError, SourceError } from '../../base/errors'
import type { Tensor } from '../../base/tensor'
import { pixelLimit } from '../limits'
import { LOAD_OPTIONS, readSource, type ImageSource, type LoadImageOptions } from '../load'
import { processorClass, processorDefaults, type ProcessorFields } from './defaults'
import { backgroundOf, type Transparency, WHITE } from '../transparency'
import { planesOf, workersStarted } from '../workers/planes'
import { stack } from './batch'
import type { PillowVersion } from '../resize/resize'
import { type Placement, placementIn } from './placement'
import { OVERRIDES, settingsOf, withOverrides, type ImageOverrides } from './settings'
import { type HeightWidth, sizeDict } from './size'

/** Which of Python's two image backends the pixels equal. */
export type ImageBackend = 'torchvision' | 'pil'

export interface ImageProcessorOptions {
  /** Default `'torchvision'`, as in transformers 5. */
  backend?: ImageBackend
  /** With `backend: 'pil'`, the major release of Pillow that Python has; default 13. They resize tall pictures apart. */
  pillow?: PillowVersion
  /**
   * What becomes of transparent pictures, whatever they are given as. Default, as in transformers 5.24: files (paths,
   * URLs, blobs, bytes) lose their alpha; pictures that are decoded already (pixels, `ImageData`, elements, sharp) are
   * put on white where the processor converts to RGB, and lose it where it does not (ViT, DeiT, BEiT).
   */
  transparency?: Transparency
  /** The model type, for a config that does not name its processor class. */
  modelType?: string
}

export interface ImageCallOptions extends ImageOverrides, LoadImageOptions {
  /** `'skip'` leaves bad images out and reports them in `errors`; default `'throw'`. */
  onError?: 'throw' | 'skip'
  /** Where to write the pixels: at least `N * 3 * H * W` long. The result's `data` is a view of it. */
  out?: Float32Array
  /** Images decoded at a time; default 4. */
  concurrency?: number
}

export interface ImageFailure {
  /** The place of the image among the inputs. */
  readonly index: number
  readonly error: DualEncoderError
}

export interface ImageBatch {
  /** `[N, 3, H, W]` */
  readonly pixelValues: Tensor<'float32'>
  /** With `onError: 'skip'`: the input that each row was made of. */
  readonly indices?: readonly number[]
  /** With `onError: 'skip'`: the inputs that are in no row. */
  readonly errors?: readonly ImageFailure[]
}

export const CALL_OPTIONS: readonly string[] = [...OVERRIDES, ...LOAD_OPTIONS, 'onError', 'out', 'concurrency']
const BACKENDS: readonly ImageBackend[] = ['torchvision', 'pil']
const PILLOWS: readonly PillowVersion[] = [12, 13]

/** transformers' image processors of one class and one backend: images in, `[N, 3, H, W]` float32 out. */
export class ImageProcessor
  extends /* @__PURE__ */ callable<
    [images: ImageSource | readonly ImageSource[], options?: ImageCallOptions],
    Promise<ImageBatch>
  >()
{
  readonly backend: ImageBackend
  readonly pillow: PillowVersion
  readonly transparency: Transparency | undefined
  /** The class in transformers, e.g. `ViTImageProcessor`. */
  readonly type: string
  readonly modelInputNames: readonly string[] = ['pixel_values']
  readonly #given: JsonObject
  readonly #fields: ProcessorFields

  /**
   * @param config a `preprocessor_config.json`, or a `processor_config.json` that holds one
   * @throws ConfigError for a processor class that is not supported
   */
  constructor(config: object, options: ImageProcessorOptions = {}) {
    super()
    checkOptions(options, ['backend', 'pillow', 'transparency', 'modelType'], 'createImageProcessor')
    const { pillow = 13, transparency, modelType } = options
    backgroundOf(transparency)
    if (!PILLOWS.includes(pillow))
      throw new OptionError('image-pillow', `pillow: got ${String(pillow)}. Allowed: ${PILLOWS.join(', ')}.`)
    if (!isJsonObject(config))
      throw new ConfigError('preprocessor-config', 'A preprocessor config must be a JSON object.')
    const given = isJsonObject(config.image_processor) ? config.image_processor : config
    // open_clip's pictures are Pillow's.
    const { backend = given.resize_mode === undefined ? 'torchvision' : 'pil' } = options
    if (!BACKENDS.includes(backend))
      throw new OptionError('image-backend', `backend: got "${String(backend)}". Allowed: ${BACKENDS.join(', ')}.`)
    const type = processorClass(given, modelType)
    if (backend === 'pil' && type === 'DINOv3ViTImageProcessor')
      throw new OptionError('image-backend', `backend "pil": transformers has no ${type} of Pillow. Leave backend out.`)
    const fields: Record<string, unknown> = { ...processorDefaults(type) }
    for (const key of new Set([...Object.keys(fields), ...FIELDS]))
      if (given[key] !== undefined) fields[key] = given[key]

    this.backend = backend
    this.pillow = pillow
    this.transparency = transparency
    this.type = type
    this.#given = given
    this.#fields = fields
    fields.size = sizeDict(fields.size, (fields.default_to_square as boolean | null) ?? false, 'size')
    fields.crop_size = sizeDict(fields.crop_size, true, 'crop_size')
    fields.pad_size = sizeDict(fields.pad_size, true, 'pad_size')
  }

  /** What `preprocessor_config.json` holds: the fields as resolved, and keys that we do not know as they came. */
  toJSON(): JsonObject {
    const { feature_extractor_type: _older, ...given } = this.#given
    const fields = Object.entries(this.#fields as JsonObject).filter(([key, value]) => {
      if (value === undefined) return false
      return key !== 'default_to_square' || given[key] !== undefined
    })
    return { ...given, ...Object.fromEntries(fields), image_processor_type: this.type }
  }

  get config(): JsonObject {
    return this.toJSON()
  }

  /** What this processor does to a picture of this size. */
  placementOf(image: HeightWidth, overrides: ImageOverrides = {}): Placement {
    return placementIn(image, settingsOf(this.type, withOverrides(this.#fields, overrides)), this.backend)
  }

  /**
   * Reads `processor_config.json` where it holds an image processor, else `preprocessor_config.json`; the class is
   * taken from `config.json` where neither names it.
   */
  static async fromPretrained(
    source: SourceLike,
    options: ImageProcessorOptions & SourceOptions = {},
  ): Promise<ImageProcessor> {
    const { backend, pillow, transparency, modelType, ...sourceOptions } = options
    checkOptions(sourceOptions, SOURCE_OPTIONS, 'ImageProcessor.fromPretrained')
    const files = await openSource(source, sourceOptions)
    const nested = await readJson(files, 'processor_config.json')
    const config = isJsonObject(nested?.image_processor)
      ? nested.image_processor
      : await readJson(files, 'preprocessor_config.json')
    if (!config)
      throw new SourceError(
        'image-processor-not-found',
        `There is no preprocessor_config.json in ${files.describe}, and no image processor in processor_config.json.`,
      )
    const named = config.image_processor_type ?? config.feature_extractor_type ?? modelType
    const model = named === undefined ? await readJson(files, 'config.json') : undefined
    const vision = isJsonObject(model?.vision_config) ? model.vision_config.model_type : undefined
    const found = modelType ?? vision ?? model?.model_type
    return new ImageProcessor(config, {
      ...(backend !== undefined && { backend }),
      ...(pillow !== undefined && { pillow }),
      ...(transparency !== undefined && { transparency }),
      ...(typeof found === 'string' && { modelType: found }),
    })
  }

  /** Writes `preprocessor_config.json`, which every Python reads, and removes `processor_config.json`, which would win over it. */
  async savePretrained(target: TargetLike): Promise<void> {
    const json = jsonText(this.toJSON(), 'The image processor')
    const writer = await openTarget(target)
    await writer.write('preprocessor_config.json', [new TextEncoder().encode(json)])
    await writer.remove('processor_config.json')
  }

  protected async invoke(
    images: ImageSource | readonly ImageSource[],
    options: ImageCallOptions = {},
  ): Promise<ImageBatch> {
    checkOptions(options, CALL_OPTIONS, 'imageProcessor')
    const { onError = 'throw', concurrency = 4, out } = options
    if (onError !== 'throw' && onError !== 'skip')
      throw new OptionError('image-on-error', `onError: got "${String(onError)}". Allowed: throw, skip.`)
    if (!(concurrency >= 1))
      throw new OptionError('image-concurrency', `concurrency: got ${String(concurrency)}. Give 1 or more.`)
    const fields = withOverrides(this.#fields, options)
    const settings = settingsOf(this.type, fields)
    const list = Array.isArray(images) ? (images as readonly ImageSource[]) : [images as ImageSource]
    if (list.length === 0) throw new InputError('image-batch-empty', 'No images given. Give at least one.')

    const load: LoadImageOptions = {}
    for (const key of LOAD_OPTIONS) if (options[key] !== undefined) Object.assign(load, { [key]: options[key] })
    const { backend, pillow } = this
    const { transparency = this.transparency } = options
    const background = backgroundOf(transparency)
    // open_clip resizes pictures as they are stored, and drops alpha thereafter.
    const asStored = settings.openClip !== undefined && background === undefined
    const ofObjects = transparency === undefined && fields.do_convert_rgb && !asStored ? WHITE : background
    const task = { settings, backend, pillow, background, asStored, maxPixels: pixelLimit(options.maxPixels) }
    const errors: ImageFailure[] = []
    if (list.length > 1) await workersStarted()
    const prepared = await mapConcurrently(list, concurrency, async (source, index) => {
      try {
        return {
          index,
          planes: await planesOf(await readSource(source, load, { background: ofObjects, asStored }), task),
        }
      } catch (error) {
        const failure = named(error, index, list.length)
        if (onError === 'throw') throw failure
        errors.push({ index, error: failure })
        return undefined
      }
    })
    const rows = prepared.filter((row) => row !== undefined)
    const pixelValues = await stack(rows, task, out)
    if (onError === 'throw') return { pixelValues }
    errors.sort((a, b) => a.index - b.index)
    return { pixelValues, indices: rows.map((row) => row.index), errors }
  }
}

const FIELDS: readonly (keyof ProcessorFields)[] = [
  'do_convert_rgb',
  'do_center_crop',
  'crop_size',
  'do_pad',
  'pad_size',
  'resize_mode',
  'fill_color',
]

/** The error of one image with its place in the batch; what is no fault of the image goes on as it is. */
function named(error: unknown, index: number, count: number): DualEncoderError {
  const place = count > 1 ? `images[${index}]: ` : ''
  const ofImage = [ImageError, SourceError, InputError].find((type) => error instanceof type)
  if (!ofImage) throw error
  const { code, message } = error as DualEncoderError
  return new ofImage(code, place + message, { cause: error })
}

/** `map` with at most `limit` calls under way, results in order; the first failure ends it. */
async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  let next = 0
  let failed = false
  const worker = async () => {
    while (next < items.length && !failed) {
      const index = next++
      try {
        results[index] = await task(items[index]!, index)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return results
}

/** The image processor that a `preprocessor_config.json` describes. */
export const createImageProcessor = (config: object, options?: ImageProcessorOptions): ImageProcessor =>
  new ImageProcessor(config, options)
