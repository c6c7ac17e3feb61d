/** A module and what it imports as one script: by a plugin of the build (tools/build/script.ts). */
declare module '*?script' {
  const script: string
  export default script
}
