import { readFileSync } from 'node:fs'
import { SHIPPED } from './playground/shipped.ts'

/** A picture of the first page, and what Python says of it. */
export interface HomePicture {
  readonly file: string
  readonly label: string
  /** Each word's share, best first. */
  readonly python: readonly { readonly word: string; readonly share: number }[]
}
export interface HomeData {
  readonly labels: readonly string[]
  readonly by: string
  readonly pictures: readonly HomePicture[]
}
declare const data: HomeData
export { data }

const PICTURES = ['pizza', 'guitar', 'cat face', 'dog face', 'airplane', 'red apple']
const EXPECTED = new URL(`../../${SHIPPED.folder}/expected.json`, import.meta.url)

function sharesOf(logits: readonly number[]): number[] {
  const most = Math.max(...logits)
  const parts = logits.map((logit) => Math.exp(logit - most))
  const sum = parts.reduce((a, b) => a + b, 0)
  return parts.map((part) => part / sum)
}

export default {
  watch: [EXPECTED.pathname],
  load(): HomeData {
    const { images, labels, ...expected } = JSON.parse(readFileSync(EXPECTED, 'utf8')) as {
      images: string[]
      labels: string[]
      by: string
      logits_per_image_torchvision: number[][]
    }
    const pictures = PICTURES.map((label) => {
      const at = labels.indexOf(label)
      const python = sharesOf(expected.logits_per_image_torchvision[at]!).map((share, i) => ({
        word: labels[i]!,
        share,
      }))
      return { file: `playground/pictures/${images[at]}`, label, python: python.sort((a, b) => b.share - a.share) }
    })
    return { labels, by: /^PyTorch [\d.]+, transformers [\d.]+/.exec(expected.by)?.[0] ?? 'Python', pictures }
  },
}
