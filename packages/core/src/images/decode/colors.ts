/** `a * b / 255`, rounded, as Pillow's `MULDIV255`. */
export function mulDiv255(a: number, b: number): number {
  const product = a * b + 128
  return ((product >> 8) + product) >> 8
}
