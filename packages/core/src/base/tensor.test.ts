import { describe, expect, it } from 'vitest'
import { InputError } from './errors'
import { tensor } from './tensor'

describe('tensor', () => {
  it('takes typed arrays as they are, and numbers as dtype says', () => {
    const data = new Int32Array([1, 2])
    expect(tensor(data, [2]).data).toBe(data)
    expect(tensor([1, 2], [1, 2])).toEqual({ dims: [1, 2], dtype: 'float32', data: new Float32Array([1, 2]) })
    expect(tensor([1, 2], [2], 'int64').data).toEqual(new BigInt64Array([1n, 2n]))
    expect(tensor([1, 0], [2], 'bool').data).toEqual(new Uint8Array([1, 0]))
    expect(tensor(new Uint8Array([1]), [1], 'bool').dtype).toBe('bool')
    expect(tensor([1n], [1])).toEqual(tensor([1], [1]))
  })

  it.each<[unknown, unknown, unknown, string, RegExp]>([
    [[1], [2], undefined, 'tensor-size', /1 values given for dims \[2\]/],
    [new Float32Array(2), [2], 'int64', 'tensor-dtype', /"int64", but data is a Float32Array/],
    [[1], [1], 'half', 'tensor-dtype', /"half". Should be one of: float32/],
    [[1], undefined, undefined, 'tensor-dims', /dims is undefined/],
    [[], [-1], undefined, 'tensor-dims', /dims is \[-1\]/],
    [undefined, [1], undefined, 'tensor-data', /needs a typed array/],
    [[1.5], [1], 'int64', 'tensor-data', /"int64", but 1.5 is among the values/],
    [[1, 0.5], [2], 'int32', 'tensor-data', /0.5/],
  ])('%j with dims %j and dtype %j is an error', (data, dims, dtype, code, message) => {
    const call = () => (tensor as (...args: unknown[]) => unknown)(data, dims, dtype)
    expect(call).toThrow(message)
    expect(call).toThrow(InputError)
    expect(call).toThrow(expect.objectContaining({ code }))
  })
})
