import * as encoder from './encoder.js'

globalThis.onmessage = async ({ data: { name, folder, given } }) => {
  try {
    postMessage(await encoder[name](folder, given))
  } catch (error) {
    postMessage({ error: String(error) })
  }
}
