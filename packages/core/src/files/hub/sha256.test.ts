import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { Sha256 } from './sha256'

it("is Node's hash, in pieces of any length", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7919) % 251)
  for (let length = 0; length < 300; length++) {
    const hash = new Sha256()
    for (let at = 0; at < length; at += 1 + (length % 97))
      hash.update(bytes.subarray(at, Math.min(length, at + 1 + (length % 97))))
    expect(hash.hex()).toBe(createHash('sha256').update(bytes.subarray(0, length)).digest('hex'))
  }
})
