import { InputError } from '../base/errors'
import { pairOf } from './grid'
import type { VisionConfig, VisionTowerModule } from './tower'

/** @throws InputError where a tower takes no pictures of this size. `given`, `wanted`: dims, for the message. */
export function checkImageSize(
  tower: VisionTowerModule,
  config: VisionConfig,
  of: {
    readonly size: readonly [number, number]
    readonly interpolatePosEncoding: boolean
    readonly given: string
    readonly wanted: string
  },
): void {
  const { size, interpolatePosEncoding, given, wanted } = of
  const fault = (text: string) => new InputError('bad-image-size', `pixelValues is ${given}${text}`)
  const least = tower.smallestImage?.(config) ?? pairOf(config.patchSize)
  if (size.some((side, axis) => side < (least[axis] as number)))
    throw fault(
      `: smaller than ${tower.smallestImage ? `this ${config.modelType} takes` : 'one patch'}, [${least.join(', ')}].`,
    )
  const trained = pairOf(config.imageSize)
  const sizes = tower.imageSizes?.(config) ?? 'interpolated'
  const takesSize = sizes === 'any' || (sizes === 'interpolated' && interpolatePosEncoding)
  if (takesSize || size.join() === trained.join()) return
  throw fault(
    `; this ${config.modelType} was trained on ${trained.join(' x ')}: ${wanted}. ` +
      `Resize the images${sizes === 'interpolated' ? ', or set interpolatePosEncoding: true' : ''}.`,
  )
}
