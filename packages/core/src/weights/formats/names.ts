import { CheckpointError } from '../../base/errors'
import { lookup } from '../../base/lookup'
import { STORAGE } from '../safetensors/dtypes'
import type { WeightEntry, Weights } from '../entry'
import { permute } from './strided'

/** Who wrote a checkpoint: its names and layouts are that framework's. */
export type Framework = 'pytorch' | 'flax' | 'tensorflow'

/** The last part of a weight's name in Flax and TensorFlow -> PyTorch's. */
const LEAVES: Readonly<Record<Exclude<Framework, 'pytorch'>, Readonly<Record<string, string>>>> = {
  flax: { kernel: 'weight', scale: 'weight', embedding: 'weight' },
  tensorflow: { kernel: 'weight', gamma: 'weight', beta: 'bias', embeddings: 'weight' },
}

/** A kernel's axes in PyTorch's order, by their number: linear [in, out], convolutions [..., in, out]. */
const KERNEL_AXES: Readonly<Record<number, readonly number[]>> = { 2: [1, 0], 3: [2, 1, 0], 4: [3, 2, 0, 1] }

/** `text_model/encoder/layer/0/output/dense/kernel` (by dots in safetensors files). */
function fromFlax(name: string): string[] {
  return name.split(/[/.]/)
}

/**
 * `text_model/bert/encoder/layer_._0/output/dense/kernel:0`. Keras keeps a tower's weights in a "main
 * layer" (`bert`) that PyTorch does not have; `_._` stands for a list, `x___y` for y.
 */
function fromTensorFlow(name: string): string[] {
  const parts = name
    .replace(/:\d+$/, '')
    .split('/')
    .map((part) => part.replace(/^.*___/, ''))
    .flatMap((part) => part.split('_._'))
    .filter((part) => part !== '')
  const isTower = parts.length > 3 && /^(vision|text)_model$/.test(parts[0] as string)
  return isTower ? [parts[0] as string, ...parts.slice(2)] : parts
}

/** The name and the axes that PyTorch gives a Flax or TensorFlow weight of `rank` axes. */
export function pytorchName(
  name: string,
  rank: number,
  framework: Exclude<Framework, 'pytorch'>,
): { name: string; axes?: readonly number[] } {
  const parts = framework === 'flax' ? fromFlax(name) : fromTensorFlow(name)
  const leaf = parts.pop() as string
  const table = LEAVES[framework]
  const renamed = [...parts, lookup(table, leaf) ?? leaf].join('.')
  return { name: renamed, axes: leaf === 'kernel' ? KERNEL_AXES[rank] : undefined }
}

/** Weights by PyTorch's names and in its layouts; a transposition is done when the weight is read. */
export function toPyTorch(weights: Weights, framework: Framework, where: string): Map<string, WeightEntry> {
  if (framework === 'pytorch') return new Map(weights)
  const renamed = new Map<string, WeightEntry>()
  for (const entry of weights.values()) {
    const { name, axes } = pytorchName(entry.name, entry.shape.length, framework)
    const other = renamed.get(name)
    if (other)
      throw new CheckpointError(
        'duplicate-names',
        `${where}: "${entry.name}" and "${other.origin}" are both PyTorch's "${name}".`,
      )
    renamed.set(
      name,
      axes ? transposed(entry, name, axes) : { ...entry, name, origin: entry.name, location: aligned(entry) },
    )
  }
  return renamed
}

/** The same weight with its axes in another order. */
export function transposed(
  { name: given, origin = given, shape, storage, ...entry }: WeightEntry,
  name: string,
  axes: readonly number[],
): WeightEntry {
  return {
    name,
    origin,
    change: 'transposed',
    shape: axes.map((axis) => shape[axis] as number),
    storage,
    read: async () => permute(await entry.read(), axes),
  }
}

/** An engine that maps a file needs values at multiples of their size, which msgpack does not promise. */
const aligned = ({ location, storage }: WeightEntry): WeightEntry['location'] =>
  location && location.offset % STORAGE[storage].size === 0 ? location : undefined
