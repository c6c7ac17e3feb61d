#!/usr/bin/env node
/**
 * Turns a checkpoint of Flax, TensorFlow or older PyTorch into safetensors that today's Python loads:
 * node tools/convert.mjs <source folder or URL> <target folder> [--dtype float16] [--max-shard-size 5000000000] [--format flax]
 */
import { parseArgs } from 'node:util'
import { convert } from '@dual-encoder/core'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dtype: { type: 'string' }, 'max-shard-size': { type: 'string' }, format: { type: 'string' } },
})
const [source, target] = positionals
if (!source || !target) {
  console.error(
    'Usage: node tools/convert.mjs <source> <target> [--dtype float32|float16|bfloat16] [--max-shard-size BYTES] [--format FORMAT]',
  )
  process.exit(2)
}
const size = values['max-shard-size']
const report = await convert(source, target, {
  dtype: values.dtype,
  format: values.format,
  maxShardSize: size === undefined ? undefined : Number(size),
}).catch((error) => {
  console.error(`${error.code ?? 'error'}: ${error.message}`)
  process.exit(1)
})
for (const { from, to, shape, change } of report.weights)
  console.log(`${from} -> ${to} [${shape.join(', ')}]${change ? ` (${change})` : ''}`)
console.log(
  `${report.file} (${report.framework}) -> ${target}: ${report.weights.length} weights as ${report.dtype}` +
    (report.carried.length > 0 ? `; carried along: ${report.carried.join(', ')}` : ''),
)
