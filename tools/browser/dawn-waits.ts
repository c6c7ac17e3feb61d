// A setup file of tests. While a GPU has anything to do, Dawn in Node asks after it as fast as `setImmediate` lets it:
// two and a half million times in half a minute of tests. That takes a core from SwiftShader, which is a processor itself.

/** Dawn's callbacks are native and have no name. */
const isDawns = (callback: { readonly name: string }): boolean =>
  callback.name === '' && Function.prototype.toString.call(callback).includes('[native code]')

// With all else that it has, for `promisify`.
globalThis.setImmediate = new Proxy(setImmediate, {
  apply: (immediate, self, [callback, ...rest]: Parameters<typeof setImmediate>) =>
    isDawns(callback) ? setTimeout(callback, 1, ...rest) : immediate.call(self, callback, ...rest),
})
