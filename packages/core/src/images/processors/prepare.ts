import { OptionError } from '../../base/errors'
import { mulDiv255 } from '../decode/colors'
import type { DecodeOptions, RawImage } from '../raw-image'
import { checkPixels, checkSides } from '../limits'
import type { Rounding } from '../resize/coefficients'
import { resize, type Algorithm, type ImageWindow } from '../resize/resize'
import { centerWindow, insideOf, onFill } from './crop'
import type { Settings } from './settings'
import type { Rgb } from '../transparency'
import { fitShortestEdge, keepRatio, targetSize, type HeightWidth } from './size'

/** What is done to each picture of a call. */
export interface Task extends Algorithm, DecodeOptions {
  readonly settings: Settings
}

/** Resizing and cropping of one image; still bytes. Only the part that a crop keeps is resized. */
export function prepare(image: RawImage, task: Task): RawImage {
  const { settings, backend, maxPixels } = task
  const plan = planOf(image, settings, backend)
  checkSides(plan.size.width, plan.size.height)
  const whole = { x0: 0, y0: 0, x1: plan.size.width, y1: plan.size.height }
  const first = plan.windows[0] ?? whole
  const kept = insideOf(first, plan.size)
  checkPixels(first.x1 - first.x0, first.y1 - first.y0, maxPixels, 'The resized image')

  const resample = image.palette ? 'nearest' : (settings.resize?.resample ?? 'nearest')
  const resizes = plan.size.width !== image.width || plan.size.height !== image.height
  // As in Python, where a picture that has its size already never meets the filter.
  if (resizes && backend === 'torchvision' && (resample === 'box' || resample === 'hamming'))
    throw new OptionError(
      'image-resample',
      `resample "${resample}" does not exist in torchvision. Use backend: 'pil', or nearest, lanczos, bilinear, bicubic.`,
    )
  const withAlpha = resizes && resample !== 'nearest' && image.alpha
  const resizedTo = (of: RawImage) => resize(of, plan.size.width, plan.size.height, resample, task, kept)
  const resized = withAlpha ? throughAlpha(image, withAlpha, resizedTo) : resizedTo(image)
  const [, ...crops] = plan.windows
  return crops.reduce(
    (result, window) => cut(result, window, task),
    onFill(resized, kept.x0, kept.y0, first, fillOf(image, settings.openClip?.fill)),
  )
}

/** The color of what lies beside a picture: `fill` is an entry of its palette, where it has one. */
const fillOf = ({ palette }: RawImage, fill = 0): Rgb =>
  palette ? [palette[fill * 3]!, palette[fill * 3 + 1]!, palette[fill * 3 + 2]!] : [fill, fill, fill]

/** As Pillow resizes pictures with alpha: the colours multiplied by it, and divided by the resized one. */
function throughAlpha(image: RawImage, alpha: Uint8Array, resized: (of: RawImage) => RawImage): RawImage {
  const spread = new Uint8Array(image.data.length)
  for (let i = 0; i < spread.length; i++) spread[i] = alpha[Math.floor(i / 3)]!
  const colors = resized({ ...image, data: spread.map((value, i) => mulDiv255(image.data[i]!, value)) })
  const { data: alphas } = resized({ ...image, data: spread })
  const data = Uint8Array.from(colors.data, (value, i) => {
    const by = alphas[i]!
    return by === 0 || by === 255 ? value : Math.min(255, Math.floor((255 * value) / by))
  })
  return { ...colors, data }
}

/** The size to resize to, and the crops that follow one another. */
export function planOf(
  image: HeightWidth,
  settings: Settings,
  backend: Rounding,
): { size: HeightWidth; windows: ImageWindow[] } {
  const windows: ImageWindow[] = []
  let size: HeightWidth = { height: image.height, width: image.width }
  let current = size
  const crop = (to: HeightWidth) => {
    windows.push(centerWindow(current, to, settings.openClip ? 'python' : backend))
    current = to
  }
  if (settings.resize) {
    const { size: asked, cropPct } = settings.resize
    const { openClip, crop: target } = settings
    if (openClip && target && openClip.mode !== 'squash' && !asked.shortest_edge)
      current = size = keepRatio(image, target, openClip.mode === 'longest')
    else if (cropPct === undefined) current = size = targetSize(image, asked)
    else {
      // ConvNeXT: below 384 pixels a larger resize and a crop, from there on a square without regard to the ratio.
      const edge = asked.shortest_edge!
      const larger = Math.trunc(edge / cropPct)
      if (edge < 384 && larger < 1)
        throw new OptionError('image-setting', `cropPct: got ${cropPct}, which leaves nothing of an edge of ${edge}.`)
      current = size = edge < 384 ? fitShortestEdge(image, larger) : { height: edge, width: edge }
      if (edge < 384) crop({ height: edge, width: edge })
    }
  }
  if (settings.crop) crop(settings.crop)
  return { size, windows }
}

function cut(image: RawImage, window: ImageWindow, algorithm: Algorithm): RawImage {
  const kept = insideOf(window, image)
  return onFill(resize(image, image.width, image.height, 'nearest', algorithm, kept), kept.x0, kept.y0, window)
}
