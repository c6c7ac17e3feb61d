import { ImageError } from '../../errors'
import type { RawImage } from '../platform'

/** Side of the largest part that is read at a time; every WebGL2 takes textures of this size. */
const TILE = 2048

let context: WebGL2RenderingContext | undefined

function webgl(): WebGL2RenderingContext {
  if (context && !context.isContextLost()) return context
  const canvas = typeof OffscreenCanvas === 'undefined' ? document.createElement('canvas') : new OffscreenCanvas(1, 1)
  const gl = (canvas as OffscreenCanvas).getContext('webgl2')
  if (!gl)
    throw new ImageError(
      'image-webgl-missing',
      'Reading decoded pixels needs WebGL2, which this browser has switched off. Give pixels: { data, width, height, channels }.',
    )
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture())
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST)
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false)
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer())
  context = gl
  return gl
}

/**
 * The pixels of a bitmap as they are: a 2D canvas would multiply them by alpha and back.
 * Read in tiles, so that no texture is larger than WebGL2 allows.
 */
export function readBitmap(bitmap: ImageBitmap): RawImage {
  const { width, height } = bitmap
  const gl = webgl()
  const data = new Uint8Array(width * height * 3)
  const texture = gl.getParameter(gl.TEXTURE_BINDING_2D) as WebGLTexture
  if (
    width > (gl.getParameter(gl.MAX_TEXTURE_SIZE) as number) ||
    height > (gl.getParameter(gl.MAX_TEXTURE_SIZE) as number)
  )
    throw new ImageError(
      'image-too-large',
      `${width}x${height} pixels are more on a side than this browser's WebGL2 takes. Make the picture smaller.`,
    )
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap)
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0)
  const rows = Math.max(1, Math.min(height, Math.floor((TILE * TILE) / width)))
  const strip = new Uint8Array(rows * width * 4)
  let to = 0
  for (let y = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y)
    gl.readPixels(0, y, width, count, gl.RGBA, gl.UNSIGNED_BYTE, strip)
    for (let from = 0, end = count * width * 4; from < end; from += 4) {
      data[to++] = strip[from]!
      data[to++] = strip[from + 1]!
      data[to++] = strip[from + 2]!
    }
  }
  const lost = gl.isContextLost()
  // Frees the video memory of a large picture.
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, null)
  if (lost) throw new ImageError('image-webgl-lost', 'The graphics context was lost while pixels were read. Try again.')
  return { data, width, height, channels: 3 }
}
