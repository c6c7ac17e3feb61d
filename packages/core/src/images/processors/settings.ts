import { snakeCase } from '../../base/names'
import { OptionError } from '../../base/errors'
import { resampleName, type ResampleName } from '../resize/filters'
import type { ProcessorFields } from './defaults'
import type { Normalization } from './normalize'
import { sizeDict, type HeightWidth, type Size, type SizeLike } from './size'

/** What a call may set apart from the config, by the names of transformers in camelCase. Null means null, as there. */
export interface ImageOverrides {
  doConvertRgb?: boolean | null
  doResize?: boolean | null
  size?: SizeLike | null
  defaultToSquare?: boolean | null
  /** A filter by its name or by Pillow's number. */
  resample?: ResampleName | number | null
  doCenterCrop?: boolean | null
  cropSize?: SizeLike | null
  doRescale?: boolean | null
  rescaleFactor?: number | null
  doNormalize?: boolean | null
  imageMean?: number | readonly number[] | null
  imageStd?: number | readonly number[] | null
  doPad?: boolean | null
  padSize?: SizeLike | null
  /** ConvNeXT only. */
  cropPct?: number | null
  /** EfficientNet only. */
  rescaleOffset?: boolean | null
  /** EfficientNet only. */
  includeTop?: boolean | null
}

export const OVERRIDES: readonly (keyof ImageOverrides)[] = [
  'doConvertRgb',
  'doResize',
  'size',
  'defaultToSquare',
  'resample',
  'doCenterCrop',
  'cropSize',
  'doRescale',
  'rescaleFactor',
  'doNormalize',
  'imageMean',
  'imageStd',
  'doPad',
  'padSize',
  'cropPct',
  'rescaleOffset',
  'includeTop',
]

/** Classes of processors that do not pad. */
const NEVER_PADS: readonly string[] = [
  'BeitImageProcessor',
  'ConvNextImageProcessor',
  'EfficientNetImageProcessor',
  'DINOv3ViTImageProcessor',
]
const DINOV3 = 'DINOv3ViTImageProcessor'

/** Fields and overrides, checked: what is done to every image of a call. */
export interface Settings {
  readonly resize?: {
    readonly size: Size
    readonly resample: ResampleName
    readonly cropPct?: number
    /** Pixels are rescaled by then, and float32 (DINOv3). */
    readonly floats?: boolean
  }
  readonly crop?: HeightWidth
  /** How open_clip's transforms place a picture, which is not how transformers' processors do. */
  readonly openClip?: { readonly mode: string; readonly fill: number }
  readonly normalization: Normalization
  /** `'batch'`: to the largest height and width of the batch. */
  readonly pad?: HeightWidth | 'batch'
}

/** `fields` of the config with the overrides of one call laid over them. */
export function withOverrides(fields: ProcessorFields, overrides: ImageOverrides): ProcessorFields {
  const merged: Record<string, unknown> = { ...fields }
  for (const key of OVERRIDES) {
    const value = overrides[key]
    if (value !== undefined) merged[snakeCase(key)] = isPlainSize(value) ? snakeKeys(value) : value
  }
  return merged
}

const isPlainSize = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const snakeKeys = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).map(([key, entry]) => [snakeCase(key), entry]))

/**
 * Checks what transformers' `validate_preprocess_arguments` checks, and the values themselves.
 * @param name the processor class: ConvNeXT resizes by its own rule, DINOv3 rescales before that
 */
export function settingsOf(name: string, fields: ProcessorFields): Settings {
  const square = fields.default_to_square ?? false
  const size = sizeDict(fields.size, square, 'size')
  const crop = heightWidth(sizeDict(fields.crop_size, true, 'cropSize'), 'cropSize')
  const pad = heightWidth(sizeDict(fields.pad_size, true, 'padSize'), 'padSize')
  const pads = fields.do_pad && !NEVER_PADS.includes(name)
  const needs = (value: unknown, field: string, step: string) => {
    if (value === null || value === undefined)
      throw new OptionError(
        'image-setting-missing',
        `${field} must be given where ${step} is true; it is ${String(value)}.`,
      )
  }

  if (fields.do_rescale) needs(fields.rescale_factor, 'rescaleFactor', 'doRescale')
  if (fields.do_normalize) {
    needs(fields.image_mean, 'imageMean', 'doNormalize')
    needs(fields.image_std, 'imageStd', 'doNormalize')
    if (name === DINOV3 && !fields.do_rescale)
      throw new OptionError(
        'image-setting',
        'doRescale is false: DINOv3 normalises no bytes. Set doNormalize: false too.',
      )
  }
  if (fields.do_center_crop) needs(crop, 'cropSize', 'doCenterCrop')
  if (fields.do_resize) {
    needs(size, 'size', 'doResize')
    needs(fields.resample, 'resample', 'doResize')
  }
  return {
    ...(fields.do_resize && {
      resize: {
        size: size!,
        resample: resampleName(fields.resample),
        ...(name === DINOV3 && fields.do_rescale && resampleName(fields.resample) !== 'nearest' && { floats: true }),
        ...(name === 'ConvNextImageProcessor' && { cropPct: cropPct(fields, size!) }),
      },
    }),
    ...(fields.do_center_crop && { crop: crop! }),
    ...openClipOf(fields),
    normalization: {
      ...(fields.do_rescale && { factor: finite(fields.rescale_factor, 'rescaleFactor') }),
      ...(fields.do_normalize && {
        mean: perChannel(fields.image_mean, 'imageMean'),
        std: perChannel(fields.image_std, 'imageStd', true),
      }),
      ...(name === DINOV3 && { apart: true }),
      ...(fields.rescale_offset && { offset: true }),
      ...(fields.include_top && { divisor: perChannel(fields.image_std, 'imageStd', true) }),
    },
    ...(pads && { pad: pad ?? 'batch' }),
  }
}

function openClipOf({ resize_mode: mode, fill_color: fill = 0 }: ProcessorFields): Pick<Settings, 'openClip'> {
  if (mode === undefined || mode === null) return {}
  if (typeof mode !== 'string' || !['shortest', 'longest', 'squash'].includes(mode))
    throw new OptionError(
      'image-setting',
      `resize_mode: got ${JSON.stringify(mode)}. Should be one of: shortest, longest, squash.`,
    )
  if (typeof fill !== 'number' || !Number.isInteger(fill) || fill < 0 || fill > 255)
    throw new OptionError('image-setting', `fill_color: got ${JSON.stringify(fill)}. Give a whole number up to 255.`)
  return { openClip: { mode, fill } }
}

function heightWidth(size: Size | null | undefined, field: string): HeightWidth | undefined {
  if (!size) return undefined
  if (size.height && size.width) return { height: size.height, width: size.width }
  throw new OptionError('image-size', `${field}: got ${JSON.stringify(size)}. Give { height, width }.`)
}

function cropPct(fields: ProcessorFields, size: Size): number {
  if (!size.shortest_edge)
    throw new OptionError(
      'image-size',
      `size: a ConvNextImageProcessor needs { shortest_edge }, got ${JSON.stringify(size)}.`,
    )
  const share = finite(fields.crop_pct, 'cropPct')
  if (share > 0) return share
  throw new OptionError('image-setting', `cropPct: got ${share}. Give a number above 0.`)
}

function finite(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new OptionError('image-setting', `${field}: got ${JSON.stringify(value)}. Give a finite number.`)
}

function perChannel(value: unknown, field: string, divisor = false): readonly [number, number, number] {
  const values = Array.isArray(value) ? (value as unknown[]) : [value, value, value]
  const valid = values.every(
    (entry) => typeof entry === 'number' && Number.isFinite(entry) && !(divisor && entry === 0),
  )
  if (values.length === 3 && valid) return values as [number, number, number]
  throw new OptionError(
    'image-setting',
    `${field}: got ${JSON.stringify(value)}. Give one finite number or three${divisor ? ', none of them 0' : ''}.`,
  )
}
