/** A model that the site has, and what a page says of it. */
interface ShippedModel {
  readonly name: string
  /** In the repository. */
  readonly folder: string
  readonly about: string
  /** The words around a label. */
  readonly template: string
  /** Which of the two sets of pictures suits it. */
  readonly pictures: PictureSet
  /** The page that says what it was trained on, and under which licences. */
  readonly page?: string
}

/** The first one is what pages begin with. */
export const MODELS = {
  pictures: {
    name: 'model-pictures',
    folder: 'packages/model-pictures/model',
    about:
      'Knows single things in photographs and drawings: EfficientNet-Lite0 and MiniLM. Poor with what is small in a scene, and with sentences that describe instead of naming.',
    template: 'a photo of {}',
    pictures: 'photographs',
    page: 'pictures',
  },
  emoji: {
    name: 'emoji-vit-bert',
    folder: 'parity-tests/models/emoji-vit-bert',
    about: 'A smaller one, a vision transformer: good with emoji, clip art and signs, blind to photographs.',
    template: '{}',
    pictures: 'drawings',
  },
} as const satisfies Record<string, ShippedModel>
export type ModelName = keyof typeof MODELS

/** Of a checkpoint what a page reads. */
export const MODEL_FILES = [
  'config.json',
  'model.safetensors',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
] as const

/** Of a picture that ships. */
export interface ShippedPicture {
  readonly file: string
  readonly label: string
  readonly credit: string
}

/** What the page finds at `playground/shipped.json`. */
export interface Shipped {
  /** Where the files of each model lie under the site, with sizes in bytes. */
  readonly models: Readonly<
    Record<ModelName, { readonly folder: string; readonly files: Readonly<Record<string, number>> }>
  >
  readonly sets: Readonly<Record<PictureSet, readonly ShippedPicture[]>>
}
export type PictureSet = 'drawings' | 'photographs'

export const bytesOf = (files: Readonly<Record<string, number>>): number =>
  Object.values(files).reduce((sum, size) => sum + size, 0)
