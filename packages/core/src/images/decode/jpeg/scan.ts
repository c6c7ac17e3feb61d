import { damaged, type Component, type Frame } from './frame'
import { BitReader, ZIGZAG, type HuffmanTable } from './huffman'

/** A component of a scan with its tables. */
interface ScanComponent {
  readonly component: Component
  readonly dc: HuffmanTable | undefined
  readonly ac: HuffmanTable | undefined
}

/** What a start-of-scan segment says. */
export interface Scan {
  readonly components: readonly ScanComponent[]
  /** The band of coefficients, in zigzag order. */
  readonly first: number
  readonly last: number
  /** Bits of successive approximation: of the scan before (0 at first) and of this one. */
  readonly high: number
  readonly low: number
}

type DecodeBlock = (component: number, offset: number) => void

/**
 * Decodes one scan from `at` into the coefficients of its components (ITU T.81, annexes F and G).
 * @returns where the scan ends
 */
export function decodeScan(bytes: Uint8Array, at: number, frame: Frame, scan: Scan, restartInterval: number): number {
  const reader = new BitReader(bytes, at)
  const predictions = new Int32Array(scan.components.length)
  const state = { endOfBand: 0 }
  const decode = frame.progressive
    ? progressiveBlock(reader, scan, predictions, state)
    : baselineBlock(reader, scan, predictions)

  const single = scan.components.length === 1 ? scan.components[0]!.component : undefined
  const across = single ? Math.ceil(single.width / 8) : Math.ceil(frame.width / (8 * frame.maxH))
  const down = single ? Math.ceil(single.height / 8) : Math.ceil(frame.height / (8 * frame.maxV))
  for (let unit = 0; unit < across * down; unit++) {
    if (restartInterval > 0 && unit > 0 && unit % restartInterval === 0) {
      reader.restart()
      predictions.fill(0)
      state.endOfBand = 0
    }
    const row = Math.floor(unit / across)
    const column = unit % across
    if (single) decode(0, (row * single.blocksAcross + column) * 64)
    else
      scan.components.forEach(({ component: { h, v, blocksAcross } }, i) => {
        for (let y = 0; y < v; y++)
          for (let x = 0; x < h; x++) decode(i, ((row * v + y) * blocksAcross + column * h + x) * 64)
      })
  }
  return reader.at
}

function needed(table: HuffmanTable | undefined): HuffmanTable {
  if (!table) throw damaged('a Huffman table is missing')
  return table
}

function baselineBlock(reader: BitReader, scan: Scan, predictions: Int32Array): DecodeBlock {
  return (index, offset) => {
    const { component, dc, ac } = scan.components[index]!
    const { coefficients } = component
    predictions[index] = predictions[index]! + reader.signed(reader.symbol(needed(dc)) & 15)
    coefficients[offset] = predictions[index]!
    for (let k = 1; k < 64; k++) {
      const symbol = reader.symbol(needed(ac))
      const size = symbol & 15
      const run = symbol >> 4
      if (size === 0 && run < 15) return
      k += run
      if (size === 0) continue
      if (k > 63) throw damaged('too many coefficients')
      coefficients[offset + ZIGZAG[k]!] = reader.signed(size)
    }
  }
}

function progressiveBlock(
  reader: BitReader,
  scan: Scan,
  predictions: Int32Array,
  state: { endOfBand: number },
): DecodeBlock {
  if (scan.first === 0) return scan.high === 0 ? dcFirst(reader, scan, predictions) : dcRefine(reader, scan)
  return scan.high === 0 ? acFirst(reader, scan, state) : acRefine(reader, scan, state)
}

const dcFirst =
  (reader: BitReader, scan: Scan, predictions: Int32Array): DecodeBlock =>
  (index, offset) => {
    const { component, dc } = scan.components[index]!
    predictions[index] = predictions[index]! + reader.signed(reader.symbol(needed(dc)) & 15)
    component.coefficients[offset] = predictions[index] << scan.low
  }

const dcRefine =
  (reader: BitReader, scan: Scan): DecodeBlock =>
  (index, offset) => {
    const { coefficients } = scan.components[index]!.component
    if (reader.bit()) coefficients[offset] = coefficients[offset]! | (1 << scan.low)
  }

const acFirst =
  (reader: BitReader, scan: Scan, state: { endOfBand: number }): DecodeBlock =>
  (index, offset) => {
    if (state.endOfBand > 0) {
      state.endOfBand--
      return
    }
    const { component, ac } = scan.components[index]!
    for (let k = scan.first; k <= scan.last; k++) {
      const symbol = reader.symbol(needed(ac))
      const size = symbol & 15
      const run = symbol >> 4
      if (size === 0 && run < 15) {
        state.endOfBand = (1 << run) + reader.bits(run) - 1
        return
      }
      k += run
      if (size === 0) continue
      if (k > 63) throw damaged('too many coefficients')
      component.coefficients[offset + ZIGZAG[k]!] = reader.signed(size) << scan.low
    }
  }

const acRefine =
  (reader: BitReader, scan: Scan, state: { endOfBand: number }): DecodeBlock =>
  (index, offset) => {
    const { component, ac } = scan.components[index]!
    const { coefficients } = component
    const step = 1 << scan.low
    const refine = (at: number) => {
      const value = coefficients[at]!
      if (reader.bit() && (Math.abs(value) & step) === 0) coefficients[at] = value + (value < 0 ? -step : step)
    }
    let k = scan.first
    while (k <= scan.last && state.endOfBand === 0) {
      const symbol = reader.symbol(needed(ac))
      let run = symbol >> 4
      let fresh = 0
      if ((symbol & 15) !== 0) fresh = reader.bit() ? step : -step
      else if (run < 15) {
        state.endOfBand = (1 << run) + reader.bits(run)
        break
      }
      // Skips `run` coefficients that are still zero, refining the others on the way.
      for (; k <= scan.last; k++) {
        const at = offset + ZIGZAG[k]!
        if (coefficients[at] !== 0) refine(at)
        else if (run-- === 0) {
          if (fresh !== 0) coefficients[at] = fresh
          k++
          break
        }
      }
    }
    if (state.endOfBand > 0) {
      for (; k <= scan.last; k++) {
        const at = offset + ZIGZAG[k]!
        if (coefficients[at] !== 0) refine(at)
      }
      state.endOfBand--
    }
  }
