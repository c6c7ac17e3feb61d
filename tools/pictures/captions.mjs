// From a title and its tags to the captions that a picture is trained with.
import { rng } from './random.mjs'

/** Words of a collection, a theme or a file, not of what is to be seen. */
const NOISE_TAGS = new Set(
  'hash,theme,icons,icon,computer,flat-theme,unsorted,clip art,clipart,action,application,signs and symbols'.split(','),
)
/** Titles that are a collection's name, repeated for each of its pictures: the file's name is used instead. */
const NOISE_TITLES = /Flat Icon Collection|Lemon SVG|Etiquette|AIGA|gramastar|Open Clip|SVG/
/** Numbers, and authors' names that stand in titles. */
const NOISE_WORDS = /\b\d+\b|\b(by|architetto|francesco|ganson)\b/gi

const TEMPLATES = {
  drawing: ['a picture of {}', 'a photo of {}', 'an icon of {}', 'clip art of {}', 'a drawing of {}', 'this is {}'],
  photograph: ['a picture of {}', 'a photo of {}', 'a close-up of {}', 'this is {}'],
  surface: ['a photo of {}', 'a close-up of {}', 'the surface of {}', '{} texture', 'this is {}'],
}
/** Captions of a picture. */
const CAPTIONS = 6

/** @param {string} words */
const tidy = (words) => words.replace(/[_-]+/g, ' ').replace(NOISE_WORDS, '').replace(/\s+/g, ' ').trim()

/**
 * What openclipart says of a picture, without the noise.
 * @param {{ key: string, title: string, tags: readonly string[] }} drawing `key`: its path
 */
export function cleaned({ key, title, tags }) {
  const name = tidy(key.split('/').at(-1)?.replace(/\d+/g, ' ') ?? '')
  return {
    label: (NOISE_TITLES.test(title) ? '' : tidy(title)) || name,
    tags: [...new Set(tags.filter((tag) => tag.length < 30).map((tag) => tag.replace(/_/g, ' ')))].filter(
      (tag) => tag && !NOISE_TAGS.has(tag.toLowerCase()),
    ),
  }
}

/**
 * The label, the label with tags, or tags; bare, or in a template. The first is the bare label.
 * @param {Pick<import('./sources.mjs').Picture, 'key' | 'label' | 'tags' | 'kind'>} picture its key seeds the choice
 */
export function captionsOf({ key, label, tags, kind = 'drawing' }) {
  const random = rng(key)
  const captions = new Set([label])
  for (let tries = 0; captions.size < CAPTIONS && tries < 4 * CAPTIONS; tries++) {
    const some = random.some(tags, 1 + random.below(3))
    const choice = random.unit()
    const words =
      choice < 0.5 || some.length === 0 ? label : choice < 0.8 ? `${label}, ${some.join(', ')}` : some.join(' ')
    captions.add(random.unit() < 0.5 ? words : random.of(TEMPLATES[kind]).replace('{}', words))
  }
  return [...captions]
}
