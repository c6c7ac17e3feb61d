import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { SourceError } from '@dual-encoder/core'
import { isPicture, listPictures } from '@dual-encoder/search'
import { Bucket, isBucket } from './places/bucket'

export interface FoundPictures {
  /** Paths and URLs, those of a folder sorted. */
  readonly pictures: string[]
  /** Files of folders that are no pictures. */
  readonly skipped: string[]
}

/** Pictures among paths, folders (all that is in them), buckets and URLs. A file that is named is taken whatever its name. */
export async function findPictures(given: readonly string[]): Promise<FoundPictures> {
  const pictures: string[] = []
  const skipped: string[] = []
  for (const place of given) {
    if (/^(https?|data):/i.test(place)) {
      pictures.push(place)
      continue
    }
    if (isBucket(place)) {
      for (const [path, is] of await listBucket(place)) (is ? pictures : skipped).push(path)
      continue
    }
    const state = await stat(place).catch(() => undefined)
    if (!state) throw new SourceError('source-not-found', `There is no file or folder ${place}.`)
    if (!state.isDirectory()) {
      pictures.push(place)
      continue
    }
    const found = await listPictures(place)
    pictures.push(...found.pictures.map(({ path }) => path))
    skipped.push(...found.skipped)
  }
  return { pictures, skipped }
}

/** Objects below a place of a bucket, sorted, or the one that it names; with whether it is a picture. */
async function listBucket(place: string): Promise<[path: string, isPicture: boolean][]> {
  const names = [...(await new Bucket(place).names())].sort()
  if (names.length === 0) return [[place, isPicture(place)]]
  return names.map((name) => [`${place.replace(/\/$/, '')}/${name}`, isPicture(name)])
}

/** `248 files are no pictures and were skipped: 248 .svg (a.svg, b.svg, c.svg, ...)`; undefined where none was. */
export function skippedLine(skipped: readonly string[]): string | undefined {
  if (skipped.length === 0) return undefined
  const byEnd = new Map<string, string[]>()
  for (const file of skipped) {
    const end = extname(file).toLowerCase() || 'without an end'
    byEnd.set(end, [...(byEnd.get(end) ?? []), file])
  }
  const kinds = [...byEnd].map(([end, files]) => {
    const names = [...files.slice(0, 3), ...(files.length > 3 ? ['...'] : [])]
    return `${files.length} ${end} (${names.join(', ')})`
  })
  return `${skipped.length} ${skipped.length === 1 ? 'file is no picture and was' : 'files are no pictures and were'} skipped: ${kinds.join('; ')}`
}
