/** GPT-2's alphabet: a printable character for each byte. */
const CHARS: readonly string[] = /* @__PURE__ */ (() => {
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255)
  let others = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : 256 + others++))
})()

const BYTES: ReadonlyMap<string, number> = /* @__PURE__ */ new Map(CHARS.map((char, byte) => [char, byte]))
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** What stands for a space. */
export const SPACE = CHARS[32] as string

/** The UTF-8 bytes of a text, a character each. */
export function toByteChars(text: string): string {
  if (/^[!-~]*$/.test(text)) return text
  let result = ''
  for (const byte of encoder.encode(text)) result += CHARS[byte] as string
  return result
}

/** The text whose bytes tokens spell; a token of other characters stands for itself. */
export function fromByteChars(tokens: readonly string[]): string {
  return decoder.decode(
    Uint8Array.from(
      tokens.flatMap((token) => {
        const bytes = [...token].map((char) => BYTES.get(char))
        return bytes.includes(undefined) ? [...encoder.encode(token)] : (bytes as number[])
      }),
    ),
  )
}
