/** The model that the playground starts with, and the pictures beside it: named here and nowhere else. */
export const SHIPPED = {
  name: 'emoji-vit-bert',
  /** In the repository. */
  folder: 'parity-tests/models/emoji-vit-bert',
  files: ['config.json', 'model.safetensors', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json'],
  about: 'A small model that was trained on drawings: good with emoji, clip art and signs, poor with photographs.',
  /** The words around a label. */
  template: '{}',
  /** Which of the two sets below is shown at first. */
  pictures: 'drawings',
} as const

/** Of a picture that ships. */
export interface ShippedPicture {
  readonly file: string
  readonly label: string
  readonly credit: string
}

/** What the page finds at `playground/shipped.json`. */
export interface Shipped {
  readonly name: string
  readonly about: string
  readonly template: string
  readonly pictures: PictureSet
  /** With sizes in bytes. */
  readonly files: Readonly<Record<string, number>>
  readonly sets: Readonly<Record<PictureSet, readonly ShippedPicture[]>>
}
export type PictureSet = 'drawings' | 'photographs'
