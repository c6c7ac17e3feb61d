import { OptionError } from '../../base/errors'
import type { DecodeOptions, RawImage } from '../raw-image'
import { checkPixels, checkSides } from '../limits'
import type { Rounding } from '../resize/coefficients'
import { resize, type Algorithm, type ImageWindow } from '../resize/resize'
import { centerWindow, insideOf, onFill } from './crop'
import type { Settings } from './settings'
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

  const resample = settings.resize?.resample ?? 'nearest'
  const resizes = plan.size.width !== image.width || plan.size.height !== image.height
  // As in Python, where a picture that has its size already never meets the filter.
  if (resizes && backend === 'torchvision' && (resample === 'box' || resample === 'hamming'))
    throw new OptionError(
      'image-resample',
      `resample "${resample}" does not exist in torchvision. Use backend: 'pil', or nearest, lanczos, bilinear, bicubic.`,
    )
  const resized = resize(image, plan.size.width, plan.size.height, resample, task, kept)
  const [, ...crops] = plan.windows
  return crops.reduce(
    (result, window) => cut(result, window, task),
    onFill(resized, kept.x0, kept.y0, first, settings.openClip?.fill),
  )
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
      current = size = edge < 384 ? fitShortestEdge(image, Math.trunc(edge / cropPct)) : { height: edge, width: edge }
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
