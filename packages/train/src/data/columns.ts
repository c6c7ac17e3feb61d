import { OptionError, SourceError } from '@dual-encoder/core'
import type { Row } from './tables'

/** Which columns hold what; by their usual names unless given. */
export interface Columns {
  image?: string
  /** One, or several of which each row has a caption or a list of them. */
  text?: string | readonly string[]
  group?: string
  weight?: string
}

const IMAGE = [
  'image',
  'file_name',
  'filename',
  'filepath',
  'file',
  'path',
  'image_path',
  'image_file',
  'jpg',
  'png',
  'url',
]
const TEXT = ['text', 'caption', 'captions', 'sentence', 'sentences', 'texts', 'title', 'txt', 'description']

export interface FoundColumns {
  readonly image: string
  readonly text: readonly string[]
  readonly group?: string
  readonly weight?: string
}

/** @param names of the columns that are there @throws OptionError for one that is not, SourceError where none is known */
export function findColumns(names: readonly string[], given: Columns, where: string): FoundColumns {
  const has = (name: string) => names.includes(name)
  const asked = [given.image, given.group, given.weight, ...[given.text ?? []].flat()].filter(
    (name) => name !== undefined,
  )
  const missing = asked.find((name) => !has(name))
  if (missing !== undefined)
    throw new OptionError('no-column', `${where} has no column "${missing}". It has: ${names.join(', ')}.`)
  const image = given.image ?? IMAGE.find(has)
  const text = given.text === undefined ? TEXT.filter(has).slice(0, 1) : [given.text].flat()
  if (image === undefined || text.length === 0)
    throw new SourceError(
      'no-column',
      `${where}: which column holds the ${image === undefined ? 'picture' : 'caption'}? It has: ${names.join(', ')}. ` +
        'Say it: columns: { image, text }.',
    )
  const optional = (name: 'group' | 'weight') => given[name] ?? (has(name) ? name : undefined)
  return { image, text, group: optional('group'), weight: optional('weight') }
}

/** Captions, group and weight of a row. Empty captions are left out; a row may have none. */
export function labelsOf(row: Row, columns: FoundColumns) {
  const text = columns.text
    .flatMap((name) => row[name])
    .filter((caption): caption is string => typeof caption === 'string' && caption.trim() !== '')
  const found = columns.group === undefined ? undefined : row[columns.group]
  const group = typeof found === 'bigint' ? String(found) : found
  const weight = columns.weight === undefined ? NaN : Number(row[columns.weight])
  return {
    text,
    ...((typeof group === 'string' && group !== '') || typeof group === 'number' ? { group } : {}),
    ...(Number.isFinite(weight) ? { weight } : {}),
  }
}
