import type { ErnieConfig } from './ernie.config'
import { bertForward, embeddingTable, STALE_POSITIONS } from './bert'
import { BERT_INPUTS } from '../inputs'
import type { TextTowerModule } from '../tower'

/** Sun et al.'s ERNIE (transformers' `ErnieModel`): a BERT that adds the embedding of its task, which is number 0. */
export const ernie: TextTowerModule<ErnieConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'ernie',
  staleNames: [STALE_POSITIONS],
  inputs: BERT_INPUTS,
  forward(ops, w, config, inputs, taps) {
    const tasks = () =>
      embeddingTable(w.at('embeddings'), 'task_type_embeddings', [config.taskTypeVocabSize, config.hiddenSize])
    const also = config.useTaskId ? ops.slice(ops.param(tasks()), 0, 0, 1) : undefined
    return bertForward(ops, w, config, inputs, taps, { also })
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
