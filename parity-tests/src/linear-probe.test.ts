import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { LinearProbe, readSafetensors } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'

interface Expected {
  readonly grid: readonly number[]
  readonly tried: readonly number[]
  readonly C: number
  readonly test: number
  readonly one: { readonly loss: number; readonly test: number }
}
const FOLDER = resolve(import.meta.dirname, '../fixtures/linear-probe')
const tensors = await readSafetensors(`${FOLDER}/data.safetensors`)
const expected = JSON.parse(readFileSync(`${FOLDER}/expected.json`, 'utf8')) as Record<string, Expected>

/** "Within 0.2 points". */
const POINTS = 0.002

describe.each(Object.entries(expected))('linear probe, %s classes', (name, wanted) => {
  const part = (of: string) => ({
    features: tensors.get(`${name}.${of}.features`)!,
    labels: tensors.get(`${name}.${of}.labels`)!.data as Int32Array,
  })
  const [train, validation, test] = [part('train'), part('validation'), part('test')]

  it("has scikit-learn's loss and accuracy at C = 1", async () => {
    const probe = await LinearProbe.fit(train.features, train.labels)
    expect(probe.C).toBe(1)
    const scores = probe.scores(train.features)
    const classes = scores.dims[1]!
    let loss = 0
    train.labels.forEach((label, i) => {
      const row = scores.data.subarray(i * classes, (i + 1) * classes)
      loss += Math.log(row.reduce((sum, score) => sum + Math.exp(score), 0)) - row[label]!
    })
    expect(loss / train.labels.length).toBeCloseTo(wanted.one.loss, 4)
    expect(Math.abs(probe.accuracy(test.features, test.labels)[1]! - wanted.one.test)).toBeLessThanOrEqual(POINTS)
  })

  it('chooses the C that scikit-learn chooses, and is as good with it', async () => {
    const probe = await LinearProbe.fit(train.features, train.labels, { C: wanted.grid, validation })
    expect(probe.tried.map(({ C }) => C)).toEqual(wanted.grid)
    // One row of 200 may fall on the other side.
    probe.tried.forEach(({ accuracy }, i) => expect(Math.abs(accuracy - wanted.tried[i]!)).toBeLessThanOrEqual(0.005))
    expect(probe.C).toBe(wanted.C)
    expect(Math.abs(probe.accuracy(test.features, test.labels)[1]! - wanted.test)).toBeLessThanOrEqual(POINTS)
  })
})
