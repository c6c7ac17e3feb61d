import type { TargetLike } from '@dual-encoder/core'
import { buffered, type FileWriterOptions } from './jsonl'
import { LogFile } from './log-file'
import type { Metrics, MetricsWriter } from './metrics'

/** CRC-32C (Castagnoli), by which TensorFlow's record files tell damage. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})
export function crc32c(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}
const masked = (bytes: Uint8Array): number => {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
const view = (size: number, write: (view: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(size)
  write(new DataView(bytes.buffer))
  return bytes
}

/** Length, its checksum, the data, its checksum. */
function record(data: Uint8Array): Uint8Array {
  const length = view(8, (at) => at.setBigUint64(0, BigInt(data.length), true))
  const checksum = (of: Uint8Array) => view(4, (at) => at.setUint32(0, masked(of), true))
  return joined(length, checksum(length), data, checksum(data))
}

// Fields of protocol buffers: the number and kind of a field, then its value.
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push((rest % 128) | 128)
  }
}
const float64 = (field: number, value: number) =>
  joined(
    varint(field * 8 + 1),
    view(8, (at) => at.setFloat64(0, value, true)),
  )
const float32 = (field: number, value: number) =>
  joined(
    varint(field * 8 + 5),
    view(4, (at) => at.setFloat32(0, value, true)),
  )
const integer = (field: number, value: number) => joined(varint(field * 8), varint(value))
const message = (field: number, data: Uint8Array) => joined(varint(field * 8 + 2), varint(data.length), data)
const text = (field: number, value: string) => message(field, new TextEncoder().encode(value))

/** An `Event` of TensorFlow with a `Summary` of scalars. */
function eventOf({ step, ...values }: Metrics, seconds: number): Uint8Array {
  const scalars = Object.entries(values).map(([name, value]) => message(1, joined(text(1, name), float32(2, value))))
  return record(joined(float64(1, seconds), integer(2, step), message(5, joined(...scalars))))
}

export interface TensorBoardOptions extends FileWriterOptions {
  /** Milliseconds since 1970; for tests. */
  now?: () => number
}

/** Metrics as TensorBoard reads them: an event file in a folder. */
export function tensorBoard(folder: TargetLike, options: TensorBoardOptions = {}): MetricsWriter {
  const { every = 50, before = [], now = Date.now } = options
  const seconds = now() / 1000
  const head = record(joined(float64(1, seconds), text(3, 'brain.Event:2')))
  const known = joined(head, ...before.map((metrics) => eventOf(metrics, seconds)))
  const name = `events.out.tfevents.${String(Math.trunc(seconds)).padStart(10, '0')}.dual-encoder`
  return buffered(new LogFile(folder, name, known), every, (metrics) => eventOf(metrics, now() / 1000))
}
