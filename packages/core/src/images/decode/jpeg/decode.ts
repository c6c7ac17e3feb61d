import { checkPixels } from '../../limits'
import type { ImageLimits, RawImage } from '../../raw-image'
import { mulDiv255 } from '../colors'
import { damaged, readFrame, type Component, type Frame } from './frame'
import { huffmanTable, ZIGZAG, type HuffmanTable } from './huffman'
import { samplesOf } from './idct'
import { decodeScan, type Scan } from './scan'
import { upsample } from './upsample'

/** Progressive files have about ten; a hostile one could ask for work without end. */
const MAX_SCANS = 200

/** What the segments before and between the scans set. */
interface State {
  frame: Frame | undefined
  readonly quantizers: Map<number, Uint16Array>
  readonly tables: Map<number, HuffmanTable>
  restartInterval: number
  isJfif: boolean
  /** The colour transform that Adobe's marker names. */
  adobe: number | undefined
}

/**
 * A baseline or progressive JPEG as libjpeg-turbo decodes it, with Pillow's reading of CMYK. Slower than the browser's
 * own decoder, which turns CMYK into RGB in a way of its own. Orientation is left to the caller.
 */
export function decodeJpeg(bytes: Uint8Array, limits: ImageLimits): RawImage {
  const { frame, state } = decode(bytes, limits)
  return colors(frame, state)
}

/** The samples of a JPEG that is part of another file, which says what colours they are. */
export interface JpegSamples {
  readonly width: number
  readonly height: number
  readonly samples: number
  /** `[height, width, samples]`; of three samples RGB where they were YCbCr. */
  readonly data: Uint8Array
}

export function decodeJpegSamples(bytes: Uint8Array, ycc: boolean, limits: ImageLimits): JpegSamples {
  const { frame, state } = decode(bytes, limits)
  const { width, height, components } = frame
  const samples = components.length
  const data = new Uint8Array(width * height * samples)
  planesOf(frame, state).forEach((plane, index) => plane.forEach((value, i) => (data[i * samples + index] = value)))
  if (ycc && samples === 3) yccToRgb(data)
  return { width, height, samples, data }
}

interface Decoded {
  readonly frame: Frame
  readonly state: State
}

function decode(bytes: Uint8Array, limits: ImageLimits): Decoded {
  try {
    return readSegments(bytes, limits)
  } catch (error) {
    if (error instanceof RangeError) throw damaged('it ends too early')
    throw error
  }
}

function readSegments(bytes: Uint8Array, limits: ImageLimits): Decoded {
  const state: State = {
    frame: undefined,
    quantizers: new Map(),
    tables: new Map(),
    restartInterval: 0,
    isJfif: false,
    adobe: undefined,
  }
  const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let scans = 0
  for (let at = 2; ;) {
    while (whole.getUint8(at) !== 0xff || whole.getUint8(at + 1) === 0) at++
    while (whole.getUint8(at) === 0xff) at++
    const marker = whole.getUint8(at++)
    if (marker === 0xd9) break
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue
    const length = whole.getUint16(at)
    if (length < 2) throw damaged('a segment without length')
    const view = new DataView(bytes.buffer, bytes.byteOffset + at + 2, length - 2)
    at += length
    if (marker === 0xda) {
      if (++scans > MAX_SCANS) throw damaged(`more than ${MAX_SCANS} scans`)
      if (!state.frame) throw damaged('a scan without frame')
      at = decodeScan(bytes, at, state.frame, readScan(view, state, state.frame), state.restartInterval)
    } else readSegment(marker, view, state, limits)
  }
  if (!state.frame) throw damaged('it holds no picture')
  return { frame: state.frame, state }
}

function readSegment(marker: number, view: DataView, state: State, limits: ImageLimits): void {
  const text = (length: number) =>
    String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset, Math.min(length, view.byteLength)))
  if (marker === 0xc4) readHuffman(view, state)
  else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc) {
    if (state.frame) throw damaged('two frames')
    checkPixels(view.getUint16(3), view.getUint16(1), limits.maxPixels, 'The JPEG image')
    state.frame = readFrame(marker, view)
  } else if (marker === 0xdb) readQuantizers(view, state)
  else if (marker === 0xdd) state.restartInterval = view.getUint16(0)
  else if (marker === 0xe0 && text(4) === 'JFIF') state.isJfif = true
  else if (marker === 0xee && text(5) === 'Adobe') state.adobe = view.getUint8(11)
}

function readQuantizers(view: DataView, state: State): void {
  for (let at = 0; at < view.byteLength;) {
    const head = view.getUint8(at++)
    const wide = head >> 4 !== 0
    const table = new Uint16Array(64)
    for (const natural of ZIGZAG) {
      table[natural] = wide ? view.getUint16(at) : view.getUint8(at)
      at += wide ? 2 : 1
    }
    state.quantizers.set(head & 15, table)
  }
}

/** Keyed by class (0 DC, 16 AC) and number. */
function readHuffman(view: DataView, state: State): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  for (let at = 0; at < view.byteLength;) {
    const counts = bytes.subarray(at + 1, at + 17)
    const size = counts.reduce((sum, count) => sum + count, 0)
    if (counts.length < 16 || at + 17 + size > bytes.length) throw damaged('a Huffman table is cut off')
    state.tables.set(view.getUint8(at), huffmanTable(counts, bytes.subarray(at + 17, at + 17 + size)))
    at += 17 + size
  }
}

function readScan(view: DataView, state: State, frame: Frame): Scan {
  const count = view.getUint8(0)
  const components = Array.from({ length: count }, (_, i) => {
    const component = frame.components.find(({ id }) => id === view.getUint8(1 + i * 2))
    if (!component) throw damaged('a scan of an unknown colour')
    const tables = view.getUint8(2 + i * 2)
    return { component, dc: state.tables.get(tables >> 4), ac: state.tables.get(16 | (tables & 15)) }
  })
  const at = 1 + count * 2
  const approximation = view.getUint8(at + 2)
  const scan = {
    components,
    first: frame.progressive ? view.getUint8(at) : 0,
    last: frame.progressive ? view.getUint8(at + 1) : 63,
    high: approximation >> 4,
    low: approximation & 15,
  }
  if (count < 1 || scan.last > 63 || scan.first > scan.last || scan.low > 13 || (scan.first > 0 && count > 1))
    throw damaged('an impossible scan')
  return scan
}

function planesOf(frame: Frame, state: State): Uint8Array[] {
  return frame.components.map((component) => {
    const quantizer = state.quantizers.get(component.quantizer)
    if (!quantizer) throw damaged('a quantization table is missing')
    return upsample(samplesOf(component, quantizer), component, frame)
  })
}

function colors(frame: Frame, state: State): RawImage {
  const planes = planesOf(frame, state)
  const { width, height } = frame
  const [first, second = first, third = first, black] = planes as [Uint8Array, Uint8Array?, Uint8Array?, Uint8Array?]
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < first.length; i++) {
    data[i * 3] = first[i]!
    data[i * 3 + 1] = second[i]!
    data[i * 3 + 2] = third[i]!
  }
  if (isYcc(frame.components, state)) yccToRgb(data)
  if (black) inksToRgb(data, black, state.adobe === 2)
  return { data, width, height, channels: 3 }
}

/** libjpeg's guess where the file does not say. */
function isYcc(components: readonly Component[], { adobe, isJfif }: State): boolean {
  if (components.length === 4) return adobe === 2
  if (components.length !== 3) return false
  if (isJfif) return true
  if (adobe !== undefined) return adobe !== 0
  return String.fromCharCode(...components.map(({ id }) => id)) !== 'RGB'
}

const clampByte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value)
const fixed = (value: number): number => Math.floor(value * 65536 + 0.5)
const RED_CR = fixed(1.402)
const GREEN_CR = fixed(0.71414)
const GREEN_CB = fixed(0.34414)
const BLUE_CB = fixed(1.772)
const HALF = 32768

/** In place, in libjpeg's 16-bit fixed point. */
function yccToRgb(data: Uint8Array): void {
  for (let i = 0; i < data.length; i += 3) {
    const y = data[i]!
    const cb = data[i + 1]! - 128
    const cr = data[i + 2]! - 128
    data[i] = clampByte(y + ((RED_CR * cr + HALF) >> 16))
    data[i + 1] = clampByte(y + ((-GREEN_CB * cb - GREEN_CR * cr + HALF) >> 16))
    data[i + 2] = clampByte(y + ((BLUE_CB * cb + HALF) >> 16))
  }
}

/**
 * In place. Pillow takes every CMYK JPEG for one of Adobe's, whose numbers are inverted; in YCCK the three colours
 * come out as RGB, which is that inversion undone.
 */
function inksToRgb(data: Uint8Array, black: Uint8Array, ycck: boolean): void {
  for (let i = 0; i < data.length; i++) {
    const ink = ycck ? data[i]! : 255 - data[i]!
    const light = black[Math.floor(i / 3)]!
    data[i] = Math.max(0, light - mulDiv255(ink, light))
  }
}
