import { type FetchLimits, fetchPicture } from './fetching'
import { Refused } from './refused'

/** What a model embeds; pictures are files' bytes. */
export type Input = { readonly text: string } | { readonly image: Uint8Array }

/** One value or several. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value])

/** The value of a field; of a form's field the first, since its fields are lists. */
export const oneOf = (value: unknown): unknown => listOf(value)[0]

/** A text, or a picture: a data URL, an uploaded file, or the URL of a host that is allowed. @throws Refused */
export async function inputOf(given: unknown, limits: FetchLimits): Promise<Input> {
  if (typeof given === 'string') return { text: given }
  if (given instanceof Blob) return { image: new Uint8Array(await given.arrayBuffer()) }
  const { text, image } = (given ?? {}) as { text?: unknown; image?: unknown }
  if (typeof text === 'string' && image === undefined) return { text }
  if (text === undefined && image !== undefined) return { image: await pictureOf(image, limits) }
  throw new Refused(
    400,
    'bad-input',
    'An input is a text, { "text" }, { "image": "data:image/png;base64,..." } or a file.',
  )
}

async function pictureOf(given: unknown, limits: FetchLimits): Promise<Uint8Array> {
  const image = oneOf(given)
  if (image instanceof Blob) return new Uint8Array(await image.arrayBuffer())
  if (typeof image === 'string') {
    const data = /^data:image\/[\w.+-]+;base64,/.exec(image)
    if (data) return new Uint8Array(Buffer.from(image.slice(data[0].length), 'base64'))
    if (/^https?:/.test(image)) return fetchPicture(image, limits)
  }
  throw new Refused(
    400,
    'bad-input',
    'image: "data:image/png;base64,...", a file of a form, or a URL where its host is allowed.',
  )
}
