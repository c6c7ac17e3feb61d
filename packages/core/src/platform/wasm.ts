import { bytesOfBase64 } from './base64'

/** Nothing that the modules of tools/simd import does anything. */
const IMPORTS = { env: { abort: () => undefined } }

/**
 * A new instance of a module that tools/simd/build.mjs has embedded, with a memory of its own.
 * @returns undefined where WebAssembly or its SIMD is missing, or forbidden by a content security policy
 */
export function instantiate<Exports>(base64: string): Exports | undefined {
  try {
    const bytes = bytesOfBase64(base64)
    return new WebAssembly.Instance(new WebAssembly.Module(bytes), IMPORTS).exports as unknown as Exports
  } catch {
    return undefined
  }
}

/** One instance for all, made when it is first asked for. */
export function instantiatedOnce<Exports>(base64: string): () => Exports | undefined {
  let made: Exports | null | undefined
  return () => {
    if (made === undefined) made = instantiate<Exports>(base64) ?? null
    return made ?? undefined
  }
}

const PAGE = 65536
/** WebAssembly memory never shrinks: beyond this the plain versions are taken. */
const MAX_MEMORY = 1 << 26

/** Bytes up to a multiple of a vector's. */
export const align = (bytes: number): number => (bytes + 15) & ~15

/** Parts of a module's memory, given anew at each call. */
export class Reservations {
  #top = PAGE

  /** Vectors may reach 16 bytes beyond it. */
  reserve(bytes: number): number {
    const at = this.#top
    this.#top += align(bytes) + 16
    return at
  }

  /** @returns undefined where that is too much */
  memory({ memory }: { readonly memory: WebAssembly.Memory }): Uint8Array | undefined {
    if (this.#top > MAX_MEMORY) return undefined
    const missing = this.#top - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE))
    return new Uint8Array(memory.buffer)
  }
}
