type Reader = (view: DataView, at: number, little: boolean) => number

const byte: Reader = (view, at) => view.getUint8(at)
const uint32: Reader = (view, at, little) => view.getUint32(at, little)
const int32: Reader = (view, at, little) => view.getInt32(at, little)
export const uint64: Reader = (view, at, little) => Number(view.getBigUint64(at, little))
const ratio =
  (read: Reader): Reader =>
  (view, at, little) =>
    read(view, at, little) / read(view, at + 4, little)

/** Bytes of a value of TIFF or EXIF, and how it is read, by the number of its type. */
export const TAG_TYPES: Readonly<Record<number, readonly [size: number, read: Reader]>> = {
  1: [1, byte],
  2: [1, byte],
  3: [2, (view, at, little) => view.getUint16(at, little)],
  4: [4, uint32],
  5: [8, /* @__PURE__ */ ratio(uint32)],
  6: [1, (view, at) => view.getInt8(at)],
  7: [1, byte],
  8: [2, (view, at, little) => view.getInt16(at, little)],
  9: [4, int32],
  10: [8, /* @__PURE__ */ ratio(int32)],
  11: [4, (view, at, little) => view.getFloat32(at, little)],
  12: [8, (view, at, little) => view.getFloat64(at, little)],
  13: [4, uint32],
  16: [8, uint64],
  17: [8, uint64],
  18: [8, uint64],
}
