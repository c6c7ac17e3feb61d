/** @throws DOMException where the text is no base64 */
export const bytesOfBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (char) => char.charCodeAt(0))

/** The bytes of all chunks together, of the first `most` of them if that is given. */
export function base64Of(chunks: readonly Uint8Array[], most = Infinity): string {
  let binary = ''
  for (const chunk of chunks)
    for (let i = 0; i < chunk.length && binary.length < most; i++) binary += String.fromCharCode(chunk[i]!)
  return btoa(binary)
}
