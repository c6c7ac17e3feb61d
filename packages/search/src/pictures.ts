/** Ends of names of what can be decoded. */
export const PICTURES = /^\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic|heif)$/i
