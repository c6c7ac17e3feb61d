// A setup file of tests. While a GPU has anything to do, Dawn in Node asks after it as fast as `setImmediate` lets it:
// two and a half million times in half a minute of tests. That takes a core from SwiftShader, which is a processor itself.

const immediate = globalThis.setImmediate

/** Dawn's callbacks are native and have no name. */
const isDawns = (callback: { readonly name: string }): boolean =>
  callback.name === '' && Function.prototype.toString.call(callback).includes('[native code]')

const patient = (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
  isDawns(callback) ? setTimeout(callback, 1, ...args) : immediate(callback, ...args)

// With what `promisify` asks it for.
globalThis.setImmediate = Object.defineProperties(
  patient,
  Object.getOwnPropertyDescriptors(immediate),
) as unknown as typeof setImmediate
