import { ImageError } from '../../base/errors'
import type { DecodeOptions, RawImage } from '../raw-image'
import { alphaOf, putOn } from '../transparency'

/** Pixels read back at a time, so that a large picture is not held a second time as RGBA. */
const STRIP = 1 << 22

let context: WebGL2RenderingContext | undefined

const newCanvas = (width: number, height: number): OffscreenCanvas | HTMLCanvasElement =>
  typeof OffscreenCanvas === 'undefined'
    ? Object.assign(document.createElement('canvas'), { width, height })
    : new OffscreenCanvas(width, height)

function webgl(): WebGL2RenderingContext | undefined {
  if (context && !context.isContextLost()) return context
  const gl = (newCanvas(1, 1) as OffscreenCanvas).getContext('webgl2')
  if (!gl) return undefined
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture())
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST)
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false)
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer())
  context = gl
  return gl
}

/** The pixels of a bitmap as they are, or on a background. */
export function readBitmap(bitmap: ImageBitmap, { background, asStored }: DecodeOptions): RawImage {
  const { width, height } = bitmap
  const gl = webgl()
  const side = gl ? (gl.getParameter(gl.MAX_TEXTURE_SIZE) as number) : 0
  const read = gl && Math.max(width, height) <= side ? throughWebgl(gl, bitmap) : throughCanvas(bitmap)
  const data = new Uint8Array(width * height * 3)
  const alphas = asStored ? new Uint8Array(width * height) : undefined
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)))
  for (let y = 0, to = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y)
    const strip = read(y, count)
    const start = to
    for (let from = 0, end = count * width * 4; from < end; from += 4) {
      data[to++] = strip[from]!
      data[to++] = strip[from + 1]!
      data[to++] = strip[from + 2]!
    }
    if (background) putOn(background, data.subarray(start, to), strip, 4)
    for (let i = 0; alphas && i < count * width; i++) alphas[y * width + i] = strip[i * 4 + 3]!
  }
  return { data, width, height, channels: 3, alpha: alphas && alphaOf(alphas, 1) }
}

/** RGBA of the rows from `y`. */
type ReadRows = (y: number, count: number) => Uint8Array | Uint8ClampedArray

function throughWebgl(gl: WebGL2RenderingContext, bitmap: ImageBitmap): ReadRows {
  const { width, height } = bitmap
  const texture = gl.getParameter(gl.TEXTURE_BINDING_2D) as WebGLTexture
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap)
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0)
  let strip = new Uint8Array(0)
  return (y, count) => {
    if (strip.length < count * width * 4) strip = new Uint8Array(count * width * 4)
    gl.readPixels(0, y, width, count, gl.RGBA, gl.UNSIGNED_BYTE, strip)
    if (gl.isContextLost())
      throw new ImageError('image-webgl-lost', 'The graphics context was lost while pixels were read. Try again.')
    // Frees the video memory of a large picture.
    if (y + count === height) gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, null)
    return strip
  }
}

/** A 2D canvas multiplies colours by alpha and back, so it can be trusted with opaque pictures only. */
function throughCanvas(bitmap: ImageBitmap): ReadRows {
  const { width, height } = bitmap
  const canvas = newCanvas(width, height) as OffscreenCanvas
  const context2d = canvas.getContext('2d', { willReadFrequently: true })
  context2d?.drawImage(bitmap, 0, 0)
  return (y, count) => {
    const strip = context2d?.getImageData(0, y, width, count).data
    if (strip && isOpaque(strip)) return strip
    throw new ImageError(
      'image-webgl-missing',
      'The exact pixels of a transparent picture can only be read by WebGL2, which is missing here or takes no picture' +
        ` of ${width}x${height}. Give the pixels themselves: { data, width, height, channels }.`,
    )
  }
}

function isOpaque(rgba: Uint8ClampedArray): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false
  return true
}
