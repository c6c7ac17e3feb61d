/** The folder of the checkpoint: what `fromPretrained` of a model and of a processor takes, in Node and in browsers. */
export const folder: URL = new URL('../model/', import.meta.url)
