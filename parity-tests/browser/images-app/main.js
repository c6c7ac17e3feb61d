import { createImageProcessor } from '@dual-encoder/core'

/** The first values of a batch, and the errors of its other files. */
globalThis.prepare = async (config, urls) => {
  const files = await Promise.all(urls.map(async (url) => (await fetch(url)).blob()))
  const { pixelValues, errors } = await createImageProcessor(config)(files, { onError: 'skip' })
  return { values: [...pixelValues.data], errors: errors.map(({ index, error }) => [index, error.code]) }
}
