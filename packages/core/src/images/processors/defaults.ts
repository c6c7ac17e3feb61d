import { ConfigError } from '../../base/errors'
import { lookup } from '../../base/lookup'

/** Fields of a `preprocessor_config.json` that prepare pixels, by their names on disk. */
export interface ProcessorFields {
  do_convert_rgb?: boolean | null
  do_resize?: boolean | null
  size?: unknown
  default_to_square?: boolean | null
  resample?: unknown
  do_center_crop?: boolean | null
  crop_size?: unknown
  do_rescale?: boolean | null
  rescale_factor?: number | null
  do_normalize?: boolean | null
  image_mean?: unknown
  image_std?: unknown
  do_pad?: boolean | null
  pad_size?: unknown
  /** ConvNeXT only: the share of the shortest edge that is kept below 384 pixels. */
  crop_pct?: number | null
  /** EfficientNet only: 1 is taken off what is rescaled. */
  rescale_offset?: boolean | null
  /** EfficientNet only: divided by the deviations once more. */
  include_top?: boolean | null
  /** open_clip only: how a picture becomes that size. */
  resize_mode?: unknown
  /** open_clip only: the byte that a picture is padded with. */
  fill_color?: unknown
}

const HALF = [0.5, 0.5, 0.5]
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
const SQUARE = { height: 224, width: 224 }

const always: ProcessorFields = {
  do_resize: true,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  default_to_square: true,
}
const half: ProcessorFields = { ...always, image_mean: HALF, image_std: HALF }
const clip: ProcessorFields = {
  ...always,
  resample: 3,
  image_mean: CLIP_MEAN,
  image_std: CLIP_STD,
  size: { shortest_edge: 224 },
  default_to_square: false,
  crop_size: SQUARE,
  do_center_crop: true,
  do_convert_rgb: true,
}

/** What each image processor class of transformers 5.24 takes for a field that its config lacks. */
const DEFAULTS: Readonly<Record<string, ProcessorFields>> = {
  ViTImageProcessor: { ...half, resample: 2, size: SQUARE },
  DeiTImageProcessor: {
    ...half,
    resample: 3,
    size: { height: 256, width: 256 },
    crop_size: SQUARE,
    do_center_crop: true,
  },
  BeitImageProcessor: { ...half, resample: 3, size: SQUARE, crop_size: SQUARE, do_center_crop: false },
  CLIPImageProcessor: clip,
  BitImageProcessor: clip,
  ChineseCLIPImageProcessor: clip,
  SiglipImageProcessor: { ...half, resample: 3, size: SQUARE, default_to_square: false, do_convert_rgb: true },
  ConvNextImageProcessor: {
    ...half,
    resample: 3,
    size: { shortest_edge: 384 },
    default_to_square: false,
    crop_pct: 224 / 256,
  },
  BlipImageProcessor: {
    ...always,
    resample: 3,
    image_mean: CLIP_MEAN,
    image_std: CLIP_STD,
    size: { height: 384, width: 384 },
    do_convert_rgb: true,
  },
  EfficientNetImageProcessor: {
    ...half,
    resample: 3,
    size: { height: 346, width: 346 },
    crop_size: { height: 289, width: 289 },
    do_center_crop: false,
    rescale_offset: false,
    include_top: true,
  },
  DINOv3ViTImageProcessor: {
    ...always,
    resample: 2,
    image_mean: [0.485, 0.456, 0.406],
    image_std: [0.229, 0.224, 0.225],
    size: SQUARE,
  },
}

/** The processor class that transformers takes for a model type when the config names none. */
const BY_MODEL_TYPE: Readonly<Record<string, string>> = {
  vit: 'ViTImageProcessor',
  vit_mae: 'ViTImageProcessor',
  vit_msn: 'ViTImageProcessor',
  ijepa: 'ViTImageProcessor',
  swin: 'ViTImageProcessor',
  swinv2: 'ViTImageProcessor',
  deit: 'DeiTImageProcessor',
  beit: 'BeitImageProcessor',
  'data2vec-vision': 'BeitImageProcessor',
  clip: 'CLIPImageProcessor',
  clip_vision_model: 'CLIPImageProcessor',
  metaclip_2: 'CLIPImageProcessor',
  metaclip_2_vision_model: 'CLIPImageProcessor',
  altclip: 'CLIPImageProcessor',
  altclip_vision_model: 'CLIPImageProcessor',
  chinese_clip: 'ChineseCLIPImageProcessor',
  chinese_clip_vision_model: 'ChineseCLIPImageProcessor',
  siglip: 'SiglipImageProcessor',
  siglip_vision_model: 'SiglipImageProcessor',
  bit: 'BitImageProcessor',
  hiera: 'BitImageProcessor',
  dinov2: 'BitImageProcessor',
  convnext: 'ConvNextImageProcessor',
  convnextv2: 'ConvNextImageProcessor',
  resnet: 'ConvNextImageProcessor',
  regnet: 'ConvNextImageProcessor',
  blip: 'BlipImageProcessor',
  aimv2_vision_model: 'CLIPImageProcessor',
  mlcd: 'CLIPImageProcessor',
  dinov3_vit: 'DINOv3ViTImageProcessor',
  efficientnet: 'EfficientNetImageProcessor',
  align: 'EfficientNetImageProcessor',
}

const PROCESSOR_CLASSES: readonly string[] = Object.keys(DEFAULTS)

/**
 * The class by its rule in `AutoImageProcessor`: `image_processor_type` (without `Fast` or `Pil`), else
 * `feature_extractor_type`, else that of the model type.
 */
export function processorClass(config: Readonly<Record<string, unknown>>, modelType?: string): string {
  const named = config.image_processor_type ?? undefined
  const older = config.feature_extractor_type ?? undefined
  let name: string | undefined
  // transformers 4 takes the older names here as well.
  if (typeof named === 'string') name = named.replace(/(Fast|Pil)$/, '').replace(/FeatureExtractor$/, 'ImageProcessor')
  else if (typeof older === 'string') name = older.replace('FeatureExtractor', 'ImageProcessor')
  else name = lookup(BY_MODEL_TYPE, modelType)

  if (name === undefined)
    throw new ConfigError(
      'image-processor-unnamed',
      `The preprocessor config names no image processor${modelType ? ` and none is known for model type "${modelType}"` : ''}.` +
        ` Set "image_processor_type" to one of: ${PROCESSOR_CLASSES.join(', ')}.`,
    )
  if (!Object.hasOwn(DEFAULTS, name))
    throw new ConfigError(
      'unsupported-image-processor',
      `Image processor "${String(named ?? older ?? name)}" is not supported. Supported: ${PROCESSOR_CLASSES.join(', ')}.`,
    )
  return name
}

export const processorDefaults = (name: string): ProcessorFields => structuredClone(DEFAULTS[name]!)
