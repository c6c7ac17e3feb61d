/** Ends of names of what can be decoded. */
const PICTURES = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic|heif)$/i

/** Whether a file's name is that of a picture. */
export const isPicture = (name: string): boolean => PICTURES.test(name)
