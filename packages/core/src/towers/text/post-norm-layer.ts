import { activationOf } from '../../ops/activations'
import type { Ops } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { mlp, type PostNormLayer } from '../blocks'

/** What a layer of BERT and its kin calls its weights. */
export interface LayerNames {
  readonly query: string
  readonly key: string
  readonly value: string
  readonly output: string
  readonly attentionNorm: string
  readonly fc1: string
  readonly fc2: string
  readonly outputNorm: string
}

interface LayerConfig {
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly hiddenAct: string
  readonly layerNormEps: number
}

/** A layer of BERT (transformers' `BertLayer`), by the names that a relative gives its weights. */
export function postNormLayer<T>(ops: Ops<T>, w: Scope, names: LayerNames, config: LayerConfig): PostNormLayer<T> {
  const { hiddenSize: D, intermediateSize, hiddenAct, layerNormEps: eps } = config
  const square = (name: string) => w.at(name).linear(D, D)
  return {
    attention: {
      query: square(names.query),
      key: square(names.key),
      value: square(names.value),
      output: square(names.output),
    },
    attentionNorm: w.at(names.attentionNorm).norm(D, eps),
    mlp: mlp(
      ops,
      w.at(names.fc1).linear(D, intermediateSize),
      activationOf(hiddenAct),
      w.at(names.fc2).linear(intermediateSize, D),
    ),
    outputNorm: w.at(names.outputNorm).norm(D, eps),
  }
}
