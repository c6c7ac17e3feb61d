import * as encoder from './encoder.js'

function inWorker(request) {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data))
    worker.onerror = ({ message }) => reject(new Error(message))
    worker.postMessage(request)
  })
}

/** Runs `classify` or `textFeatures`, here or in a worker, and shows the best label of each picture. */
globalThis.run = async (name, given, where) => {
  const folder = new URL('/model/', location.href).href
  const result = await (where === 'worker' ? inWorker({ name, folder, given }) : encoder[name](folder, given))
  const { images = [], labels } = given
  for (const [row, source] of images.entries()) {
    const logits = result.logits.slice(row * labels.length, (row + 1) * labels.length)
    const figure = document.createElement('figure')
    figure.append(Object.assign(new Image(96), { src: source }), labels[logits.indexOf(Math.max(...logits))])
    document.body.append(figure)
  }
  return result
}
