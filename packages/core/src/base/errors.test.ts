import { describe, expect, it } from 'vitest'
import { homepage } from '../../package.json'
import { checkOptions, InputError, OptionError } from './errors'

it('names the heading that explains it, beside what it prints', () => {
  const error = new InputError('bad-shape', 'No.')
  expect(error.docs).toBe(`${homepage}errors.html#bad-shape`)
  expect(Object.keys(error)).not.toContain('docs')
})

const ALLOWED = ['normalize', 'signal', 'dropoutSeed', 'onProgress', 'doResize', 'batchSize']

describe('checkOptions', () => {
  it.each([
    {
      normalize: true,
      signal: new AbortController().signal,
      dropoutSeed: 7,
      onProgress: () => undefined,
      doResize: null,
    },
    { normalize: undefined, signal: undefined, batchSize: 'checked where it is used' },
  ])('takes %o', (options) => {
    expect(() => checkOptions(options, ALLOWED, 'call')).not.toThrow()
  })

  it.each([
    ['bad-options', null, /call: null was given as options.*normalize, signal/],
    ['bad-options', [true], /a list was given/],
    ['unknown-option', { normalise: true }, /"normalise".*normalize/],
    ['bad-option', { normalize: 'false' }, /normalize is "false"; true or false/],
    ['bad-option', { doResize: 1 }, /doResize is 1; true, false or null/],
    ['bad-option', { signal: new AbortController() }, /AbortController; an AbortSignal/],
    ['bad-option', { dropoutSeed: '1' }, /dropoutSeed is "1"; an integer/],
    ['bad-option', { onProgress: {} }, /onProgress is an object; a function/],
  ])('throws %s for %o', (code, options, says) => {
    expect(() => checkOptions(options as object, ALLOWED, 'call')).toThrow(
      expect.objectContaining({ name: 'OptionError', code, message: expect.stringMatching(says) as string }) as Error,
    )
  })
})

it('cuts what no one reads: a picture in base64', () => {
  const { message } = new OptionError('bad-option', `doResize is "${'A'.repeat(15_000)}"; true or false is needed.`)
  expect(message).toMatch(/^doResize is "A{80}\.\.\. \(15000 characters\)"; true or false is needed\.$/)
  expect(message.length).toBeLessThan(150)
})
