import { OptionError } from '../../base/errors'

/** Resampling filters by the names of `PIL.Image.Resampling`. */
export type ResampleName = 'nearest' | 'lanczos' | 'bilinear' | 'bicubic' | 'box' | 'hamming'
/** Their numbers there. */
const RESAMPLE = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3, box: 4, hamming: 5 } satisfies Record<
  ResampleName,
  number
>
/** The filters that are convolutions. */
export type KernelName = Exclude<ResampleName, 'nearest'>

/** A convolution kernel that is zero beyond `support` input pixels (at scale 1) from the centre. */
export interface Kernel {
  readonly support: number
  at(x: number): number
}

function bilinear(x: number): number {
  const distance = Math.abs(x)
  return distance < 1 ? 1 - distance : 0
}

/** Keys' cubic with a = -0.5. */
function bicubic(x: number): number {
  const a = -0.5
  const distance = Math.abs(x)
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a
  return 0
}

function sinc(x: number): number {
  if (x === 0) return 1
  return Math.sin(x * Math.PI) / (x * Math.PI)
}

const lanczos = (x: number): number => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)

const box = (x: number): number => (x > -0.5 && x <= 0.5 ? 1 : 0)

// Pillow writes these two constants as C floats.
const HAMMING_BASE = Math.fround(0.54)
const HAMMING_SWING = Math.fround(0.46)

function hamming(x: number): number {
  const distance = Math.abs(x)
  if (distance === 0) return 1
  if (distance >= 1) return 0
  const angle = distance * Math.PI
  return (Math.sin(angle) / angle) * (HAMMING_BASE + HAMMING_SWING * Math.cos(angle))
}

export const KERNELS: Readonly<Record<KernelName, Kernel>> = {
  bilinear: { support: 1, at: bilinear },
  bicubic: { support: 2, at: bicubic },
  lanczos: { support: 3, at: lanczos },
  box: { support: 0.5, at: box },
  hamming: { support: 1, at: hamming },
}

/** `resample` of a config (0 to 5) or its name. */
export function resampleName(value: unknown): ResampleName {
  for (const [name, number] of Object.entries(RESAMPLE)) {
    if (value === number || value === name) return name as ResampleName
  }
  const allowed = Object.entries(RESAMPLE).map(([name, number]) => `${number} ("${name}")`)
  throw new OptionError('image-resample', `resample: got ${JSON.stringify(value)}. Allowed: ${allowed.join(', ')}.`)
}
