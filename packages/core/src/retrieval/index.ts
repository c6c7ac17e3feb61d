export {
  type EmbeddedImage,
  embedImages,
  type EmbedImagesOptions,
  type HasImageProcessor,
  type ImageEncoder,
  type ImageItem,
} from './embed-images'
export { type Hit, topK } from './top-k'
