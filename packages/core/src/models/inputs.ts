import { pairOf } from '../towers/grid'
import { checkImageSize } from '../towers/image-size'
import { describe } from '../base/describe'
import { InputError } from '../base/errors'
import { isTensorData, sizeOf, type Tensor, tensor } from '../base/tensor'
import type { GivenText } from '../towers/inputs'
import type { Batch, TextEncoderSpec, VisionEncoderSpec } from './encoder'

/** Token ids and masks `[B, L]`, of any integer type. */
export interface TextModelInputs {
  inputIds: Tensor
  /** 1 = attend, 0 = padding; ones where it is left out. */
  attentionMask?: Tensor
  tokenTypeIds?: Tensor
  positionIds?: Tensor
  /** ERNIE's, where its config says `use_task_id`; zeros where they are left out. */
  taskTypeIds?: Tensor
}

export interface VisionModelInputs {
  /** `[B, channels, height, width]` float32 */
  pixelValues: Tensor
}

/** @throws InputError where a call was given no object of inputs. */
export function checkInputs(inputs: unknown, needed: string): void {
  if (typeof inputs !== 'object' || inputs === null)
    throw new InputError('missing-input', `${describe(inputs)} was given as inputs; { ${needed} } is needed.`)
}

const show = (dims: readonly number[]): string => `[${dims.join(', ')}]`

function requireTensor(value: Tensor | undefined, name: string, layout: string): Tensor {
  if (value && Array.isArray(value.dims) && ArrayBuffer.isView(value.data)) {
    checkData(value, name)
    return value
  }
  const given = value === undefined ? 'missing' : Array.isArray(value) ? 'a nested array' : describe(value)
  throw new InputError(
    'missing-input',
    `${name} is ${given}; a tensor { dims, dtype, data } of ${layout} is needed` +
      (Array.isArray(value) ? ' (call the tokenizer with padding: true to get one).' : '.'),
  )
}

/** What a tensor says of itself is true: engines would read beyond its data, or take it for something else. */
function checkData({ dims, dtype, data }: Tensor, name: string): void {
  if (!dims.every((dim) => Number.isInteger(dim) && dim >= 0))
    throw new InputError('bad-shape', `${name} has dims ${show(dims)}; whole numbers are needed.`)
  if (!isTensorData(data, dtype))
    throw new InputError('bad-dtype', `${name} is ${dtype}; its data is ${describe(data)}.`)
  if (data.length !== sizeOf(dims))
    throw new InputError(
      'tensor-size',
      `${name} is ${show(dims)}, ${sizeOf(dims)} values; its data holds ${data.length}.`,
    )
}

function checkBatch(dims: readonly number[], name: string): void {
  if (dims.some((dim) => dim < 1))
    throw new InputError('empty-batch', `${name} is empty: ${show(dims)}. Give at least one item.`)
}

/** Integers as int64, each within `[0, size)`. */
function integers(value: Tensor, name: string, size: number, what: string, advice = ''): Tensor<'int64'> {
  const floats = value.data instanceof Float32Array || value.data instanceof Float64Array
  if (floats && !(value.data as Float32Array).every(Number.isInteger))
    throw new InputError('bad-dtype', `${name} holds fractions; integers are needed.`)
  const data = value.data instanceof BigInt64Array ? value.data : BigInt64Array.from(value.data as Int32Array, BigInt)
  data.forEach((id, index) => {
    if (id >= 0n && id < size) return
    throw new InputError(
      'id-out-of-range',
      `${name}[${subscript(index, value.dims)}] is ${id}; ${what} allows 0 to ${size - 1}.${advice}`,
    )
  })
  return tensor(data, value.dims, 'int64')
}

const subscript = (index: number, dims: readonly number[]): string => {
  const length = dims.at(-1) ?? 1
  return `${Math.floor(index / length)}, ${index % length}`
}

/** Inputs of a text that a caller may give, beside the ids. */
const GIVEN = ['attentionMask', 'tokenTypeIds', 'positionIds', 'taskTypeIds'] as const

/** What advice there is for an input that is out of its range. */
const tooLong = (length: number): string =>
  ` A row holds ${length} tokens; where texts are too long, call the processor with truncation: true.`

/** Checks the inputs of a text tower and makes those that the caller left out. */
export function textBatch({ config, tower }: TextEncoderSpec, inputs: TextModelInputs): Batch {
  checkInputs(inputs, 'inputIds')
  const ids = requireTensor(inputs.inputIds, 'inputIds', '[batch, length]')
  const { dims } = ids
  if (dims.length !== 2) throw new InputError('bad-shape', `inputIds is ${show(dims)}; [batch, length] is needed.`)
  checkBatch(dims, 'inputIds')
  const length = dims[1] as number
  const most = tower.maxLength(config)
  if (length > most)
    throw new InputError(
      'sequence-too-long',
      `inputIds holds ${length} tokens a row; this ${config.modelType} has positions for ${most}. ` +
        'Call the processor with truncation: true.',
    )
  const checked = (name: string, value: Tensor, advice?: string) => {
    const limit = tower.inputs[name]?.limit?.(config)
    return integers(value, name, limit?.size ?? Infinity, limit?.what ?? name, advice)
  }
  const given: Record<string, Tensor<'int64'>> = { inputIds: checked('inputIds', ids) }
  for (const name of GIVEN) {
    const value = inputs[name]
    if (value === undefined) continue
    requireTensor(value, name, show(dims))
    if (value.dims.join() !== dims.join())
      throw new InputError('bad-shape', `${name} is ${show(value.dims)}; it must match inputIds, ${show(dims)}.`)
    const all = checked(name, value, name === 'positionIds' ? tooLong(length) : undefined)
    if (Object.hasOwn(tower.inputs, name)) given[name] = all
    // A tokenizer of another family gives zeros, which say nothing.
    else if (name !== 'attentionMask' && all.data.some((id) => id !== 0n))
      throw new InputError('unknown-input', `${name}: ${config.modelType} takes none. Leave it out.`)
  }
  const made = Object.entries(tower.inputs).map(([name, input]) => [
    name,
    given[name] ?? input.make(config, given as unknown as GivenText),
  ])
  return { inputs: Object.fromEntries(made) as Record<string, Tensor> }
}

/** Checks the inputs of a vision tower. */
export function visionBatch(
  encoder: VisionEncoderSpec,
  inputs: VisionModelInputs,
  interpolatePosEncoding: boolean,
): Batch {
  checkInputs(inputs, 'pixelValues')
  const pixels = requireTensor(inputs.pixelValues, 'pixelValues', '[batch, channels, height, width]')
  const { dims, dtype } = pixels
  if (dtype !== 'float32') throw new InputError('bad-dtype', `pixelValues is ${dtype}; float32 is needed.`)
  checkPixelDims(encoder, dims, interpolatePosEncoding)
  return { inputs: { pixelValues: pixels }, imageSize: [dims[2] as number, dims[3] as number] }
}

/** @throws InputError where a vision tower takes no pixels of these dims. */
export function checkPixelDims(
  { config, tower }: VisionEncoderSpec,
  dims: readonly number[],
  interpolatePosEncoding: boolean,
): void {
  const [height, width] = pairOf(config.imageSize)
  const wanted = `[batch, ${config.numChannels}, ${height}, ${width}]`
  if (dims.length !== 4) throw new InputError('bad-shape', `pixelValues is ${show(dims)}; ${wanted} is needed.`)
  checkBatch(dims, 'pixelValues')
  const [, channels, h, w] = dims as [number, number, number, number]
  if (channels !== config.numChannels)
    throw new InputError(
      'bad-shape',
      `pixelValues is ${show(dims)}: ${channels} channels where ${config.numChannels} are needed, ${wanted}.` +
        (w === config.numChannels ? ' The channels come first, not last.' : ''),
    )
  checkImageSize(tower, config, { size: [h, w], interpolatePosEncoding, given: show(dims), wanted })
}
