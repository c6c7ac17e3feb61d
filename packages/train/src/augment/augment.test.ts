import type { RawImage } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'
import { Random } from '../random'
import { type Augmentation, augmented, sometimes } from './augment'
import { colorJitter, grayscale, randomBackground } from './colour'
import { horizontalFlip, randomAffine, randomResizedCrop } from './geometry'

const image = (width: number, height: number, value: (x: number, y: number, c: number) => number): RawImage => ({
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    value(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  ),
  width,
  height,
  channels: 3,
})
const photo = image(40, 30, (x, y, c) => (x * 5 + y * 3 + c * 40) % 256)
const run = (augmentation: Augmentation, of: RawImage = photo, sample = 0) => augmentation(of, new Random(1, 0, sample))

describe('augmentations', () => {
  const all = [
    randomResizedCrop({ size: 16, scale: [0.2, 1] }),
    sometimes(0.5, horizontalFlip),
    colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4 }),
    randomAffine({ degrees: 20, translate: 0.1, scale: [0.8, 1.2] }),
  ]

  it('come from seed, epoch and sample alone', () => {
    const of = (epoch: number, sample: number) => augmented(photo, all, { seed: 3, epoch, sample }).data
    const again = [of(1, 8), of(0, 7), of(1, 7)]
    expect(again).toEqual([of(1, 8), of(0, 7), of(1, 7)])
    expect(again[0]).not.toEqual(again[2])
    expect(again[1]).not.toEqual(again[2])
  })

  it('of which one is another leave the rest as it was', () => {
    const flips: boolean[] = []
    const watched: Augmentation = (x, random) => (flips.push(random.next() < 0.5), x)
    for (const first of [grayscale, randomResizedCrop()])
      augmented(photo, [first, watched], { seed: 1, epoch: 0, sample: 5 })
    expect(flips[0]).toBe(flips[1])
  })

  it('do not change what they are given', () => {
    const before = photo.data.slice()
    for (const augmentation of [...all, horizontalFlip, grayscale, randomBackground()]) run(augmentation)
    expect(photo.data).toEqual(before)
  })
})

describe('each of them', () => {
  it('crops parts of the area and ratio that were asked for', () => {
    const position = image(200, 100, (x, y, c) => (c === 0 ? x : c === 1 ? y : 0))
    const seen = Array.from({ length: 50 }, (_, sample) => {
      const { data, width, height } = run(randomResizedCrop({ scale: [0.25, 0.5], ratio: [1, 2] }), position, sample)
      expect((width * height) / 20_000).toBeGreaterThan(0.24)
      expect((width * height) / 20_000).toBeLessThan(0.51)
      expect(width / height).toBeGreaterThan(0.97)
      expect(width / height).toBeLessThan(2.03)
      // A part of the picture as it is.
      expect(data[data.length - 3]! - data[0]!).toBe(width - 1)
      return `${data[0]},${data[1]}`
    })
    expect(new Set(seen).size).toBeGreaterThan(30)
    expect(run(randomResizedCrop({ size: 24 }))).toMatchObject({ width: 24, height: 24 })
  })

  it('crops the middle where the ratio cannot be had', () => {
    const thin = image(100, 4, (x) => x)
    const { width, height, data } = run(randomResizedCrop({ ratio: [1, 1.5] }), thin)
    expect([width, height, data[0]]).toEqual([6, 4, 47])
  })

  it('flips', () => {
    const small = image(3, 1, (x, _y, c) => x * 10 + c)
    expect([...run(horizontalFlip, small).data]).toEqual([20, 21, 22, 10, 11, 12, 0, 1, 2])
  })

  it("greys as Pillow's convert('L')", () => {
    const small = image(2, 1, (x, _y, c) => [255, 0, 0, 10, 200, 30][x * 3 + c]!)
    // (255 * 19595 + 32768) >> 16 and (10 * 19595 + 200 * 38470 + 30 * 7471 + 32768) >> 16
    expect([...run(grayscale, small).data]).toEqual([76, 76, 76, 124, 124, 124])
  })

  it('jitters within bounds', () => {
    const flat = image(2, 2, () => 100)
    const values = Array.from(
      { length: 200 },
      (_, sample) => run(colorJitter({ brightness: 0.3 }), flat, sample).data[0]!,
    )
    expect(Math.min(...values)).toBeGreaterThanOrEqual(70)
    expect(Math.max(...values)).toBeLessThanOrEqual(130)
    expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(50)
    expect(run(colorJitter({ contrast: 0.5, saturation: 0.5 }), flat)).toEqual({ ...flat, data: flat.data })
  })

  it('turns about the middle, and fills', () => {
    const square = image(5, 5, (x, y) => (x === 2 && y === 0 ? 200 : 0))
    expect(run(randomAffine(), square).data).toEqual(square.data)
    const turned = run(
      (x, random) =>
        randomAffine({ degrees: 90 })(x, {
          ...random,
          between: (low: number, high: number) => (low === -90 ? 90 : (low + high) / 2),
        } as Random),
      square,
    )
    const at = [...turned.data].findIndex((value) => value > 150)
    expect([Math.floor(at / 3) % 5, Math.floor(at / 15)]).toEqual([4, 2])
    const shrunk = run(randomAffine({ scale: [0.5, 0.5], fill: [1, 2, 3] }), photo)
    expect([...shrunk.data.subarray(0, 3)]).toEqual([1, 2, 3])
  })

  it('puts another background behind what stands on white, and leaves white within it', () => {
    // A ring on white, white inside.
    const ring = image(9, 9, (x, y) => (Math.max(Math.abs(x - 4), Math.abs(y - 4)) === 2 ? 50 : 255))
    const { data } = run(randomBackground({ backgrounds: [image(3, 3, () => 9)] }), ring)
    const at = (x: number, y: number) => data[(y * 9 + x) * 3]
    expect([at(0, 0), at(8, 5), at(2, 2), at(4, 4)]).toEqual([9, 9, 50, 255])
    const plain = run(randomBackground(), ring).data
    expect(plain[0]).not.toBe(255)
  })

  it.each([
    [() => randomResizedCrop({ scale: [0, 1] }), /scale is \[0, 1\]/],
    [() => colorJitter({ contrast: -1 }), /contrast is -1/],
    [() => randomAffine({ turn: 3 } as object), /unknown option "turn"/],
  ])('refuses what it cannot do', (make, message) => {
    expect(make).toThrow(message)
  })
})
