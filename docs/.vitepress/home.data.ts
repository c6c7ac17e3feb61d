import { readFileSync } from 'node:fs'
import { bytesOf, MODELS } from './playground/shipped.ts'
import { photographs, sizesOf } from './shipped-files.ts'

/** A picture of the first page, and what Python says of it. */
export interface HomePicture {
  readonly file: string
  readonly thumbnail: string
  readonly label: string
  readonly credit: string
  /** Each word's share, best first. */
  readonly python: readonly { readonly word: string; readonly share: number }[]
}
export interface HomeData {
  readonly labels: readonly string[]
  readonly template: string
  readonly by: string
  /** Of the model's files. */
  readonly bytes: number
  /** The surest first. */
  readonly pictures: readonly HomePicture[]
  /** How many of them get their own word. */
  readonly right: number
}
declare const data: HomeData
export { data }

/** Python's logits of the dozen, by `tools/reference/model_pictures.py`. */
const EXPECTED = new URL('../../tools/demo/expected.json', import.meta.url)

function sharesOf(logits: readonly number[]): number[] {
  const most = Math.max(...logits)
  const parts = logits.map((logit) => Math.exp(logit - most))
  const sum = parts.reduce((a, b) => a + b, 0)
  return parts.map((part) => part / sum)
}

export default {
  watch: [EXPECTED.pathname],
  load(): HomeData {
    const { transformers, torch, logits_per_image } = JSON.parse(readFileSync(EXPECTED, 'utf8')) as {
      transformers: string
      torch: string
      logits_per_image: { torchvision: number[][] }
    }
    const dozen = photographs()
    const labels = dozen.map(({ label }) => label)
    const pictures = dozen.map(({ file, thumbnail, label, credit }, at) => {
      const python = sharesOf(logits_per_image.torchvision[at]!).map((share, i) => ({ word: labels[i]!, share }))
      return { file, thumbnail, label, credit, python: python.sort((a, b) => b.share - a.share) }
    })
    const own = ({ label, python }: HomePicture) => python.find(({ word }) => word === label)!.share
    return {
      labels,
      template: MODELS.pictures.template,
      by: `PyTorch ${torch.split('+')[0]}, transformers ${transformers}`,
      bytes: bytesOf(sizesOf('pictures')),
      pictures: pictures.sort((a, b) => own(b) - own(a)),
      right: pictures.filter(({ label, python }) => python[0]!.word === label).length,
    }
  },
}
