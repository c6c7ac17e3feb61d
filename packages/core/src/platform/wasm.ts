/** Nothing that the modules of tools/simd import does anything. */
const IMPORTS = { env: { abort: () => undefined } }

/**
 * A new instance of a module that tools/simd/build.mjs has embedded, with a memory of its own.
 * @returns undefined where WebAssembly or its SIMD is missing, or forbidden by a content security policy
 */
export function instantiate<Exports>(base64: string): Exports | undefined {
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
    return new WebAssembly.Instance(new WebAssembly.Module(bytes), IMPORTS).exports as unknown as Exports
  } catch {
    return undefined
  }
}
