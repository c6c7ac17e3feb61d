/** A module and what it imports as one script: by a plugin of the build (tools/build/script.ts). */
declare module '*?script' {
  const script: string
  export default script
}

/** Optional, and without types of its own. */
declare module 'libheif-js/wasm-bundle.js' {
  const heif: unknown
  export default heif
}
