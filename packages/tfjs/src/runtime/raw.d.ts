/** A file's text: by a plugin of the build, and by Vite's own in tests. */
declare module '*?raw' {
  const text: string
  export default text
}
