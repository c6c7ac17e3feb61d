import { SPACE } from './engine/byte-level'
import type { Offset } from './options'

// Made by calls, so that bundlers may leave them out.
const LEADING = /* @__PURE__ */ (() => new RegExp(`^[${SPACE}\\p{White_Space}]*`, 'u'))()
const TRAILING = /* @__PURE__ */ (() => new RegExp(`[${SPACE}\\p{White_Space}]*$`, 'u'))()

/**
 * Leaves the spaces that a byte-level token begins and ends with out of its offsets, in place (the Rust
 * library's `process_offsets`). A space that `add_prefix_space` put in front has no place in the text.
 */
export function trimOffsets(offset: Offset, token: string, isFirst: boolean, addsPrefixSpace: boolean): void {
  let leading = LEADING.exec(token)?.[0].length ?? 0
  const trailing = TRAILING.exec(token)?.[0].length ?? 0
  if (leading > 0) {
    if ((isFirst || offset[0] === 0) && addsPrefixSpace) leading--
    offset[0] = Math.min(offset[0] + leading, offset[1])
  }
  if (trailing > 0 && offset[1] >= trailing) offset[1] = Math.max(offset[1] - trailing, offset[0])
}
