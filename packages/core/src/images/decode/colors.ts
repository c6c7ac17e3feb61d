/** `value / 255`, rounded, for values up to `255 * 255`. */
export function divide255(value: number): number {
  const product = value + 128
  return ((product >> 8) + product) >> 8
}

/** `a * b / 255`, rounded, as Pillow's `MULDIV255`. */
export const mulDiv255 = (a: number, b: number): number => divide255(a * b)
