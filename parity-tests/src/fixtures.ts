import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readSafetensors, type Tensor } from '@dual-encoder/core'

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))

/** A checkpoint with inputs and what PyTorch made of them. */
export interface Case {
  readonly name: string
  readonly folder: string
  /** Options of `forward` beside the defaults. */
  readonly forwardOptions: Readonly<Record<string, unknown>>
}

/** The cases of a folder of fixtures. An empty folder is an error: a suite without cases proves nothing. */
export function casesIn(group: string): Case[] {
  const root = `${FIXTURES}${group}/`
  const cases = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(`${root}${entry.name}/expected.safetensors`))
    .map(({ name }) => {
      const folder = `${root}${name}`
      const file = `${folder}/case.json`
      const { forwardOptions = {} } = existsSync(file)
        ? (JSON.parse(readFileSync(file, 'utf8')) as { forwardOptions?: Record<string, unknown> })
        : {}
      return { name, folder, forwardOptions }
    })
  if (cases.length === 0) throw new Error(`No fixtures in ${root}: run tools/reference/generate.py.`)
  return cases
}

/** What tells the towers of a checkpoint apart. */
export function configOf(folder: string): Record<'vision_config' | 'text_config', { readonly model_type: string }> {
  return JSON.parse(readFileSync(`${folder}/config.json`, 'utf8')) as ReturnType<typeof configOf>
}

export interface ForwardTensors {
  inputIds: Tensor
  pixelValues: Tensor
  attentionMask?: Tensor
  tokenTypeIds?: Tensor
  positionIds?: Tensor
}

/** `inputs.safetensors` under the names of `forward`. */
export async function inputsOf(folder: string): Promise<ForwardTensors> {
  const tensors = await readSafetensors(`${folder}/inputs.safetensors`)
  const required = (name: string): Tensor => {
    const value = tensors.get(name)
    if (!value) throw new Error(`${folder}/inputs.safetensors holds no ${name}.`)
    return value
  }
  return {
    inputIds: required('input_ids'),
    pixelValues: required('pixel_values'),
    attentionMask: tensors.get('attention_mask'),
    tokenTypeIds: tensors.get('token_type_ids'),
    positionIds: tensors.get('position_ids'),
  }
}

/** These rows. */
export function rowsAt<T extends Tensor | undefined>(value: T, rows: readonly number[]): T {
  if (!value) return value
  const size = value.dims.slice(1).reduce((a, b) => a * b, 1)
  const data = value.data.slice(0, rows.length * size) as Float32Array
  rows.forEach((row, i) => data.set(value.data.slice(row * size, (row + 1) * size) as Float32Array, i * size))
  return { ...value, dims: [rows.length, ...value.dims.slice(1)], data }
}
/** The first `count` rows. */
export const firstRows = <T extends Tensor | undefined>(value: T, count: number): T =>
  rowsAt(value, [...Array(count).keys()])
