import type { ErnieConfig } from './ernie.config'
import { bertForward, embeddingTable, STALE_POSITIONS } from './bert'
import { BERT_INPUTS, TASK_TYPE_IDS } from '../inputs'
import type { TextTowerModule } from '../tower'

const INPUTS = { ...BERT_INPUTS, taskTypeIds: TASK_TYPE_IDS }

/** Sun et al.'s ERNIE (transformers' `ErnieModel`): a BERT that may add the embedding of its task. */
export const ernie: TextTowerModule<ErnieConfig, keyof typeof INPUTS> = {
  kind: 'text',
  modelType: 'ernie',
  staleNames: [STALE_POSITIONS],
  inputs: INPUTS,
  forward(ops, w, config, inputs, taps) {
    const { taskTypeVocabSize, hiddenSize, useTaskId } = config
    const tasks = () => embeddingTable(w.at('embeddings'), 'task_type_embeddings', [taskTypeVocabSize, hiddenSize])
    const also = useTaskId ? ops.embedding(inputs.taskTypeIds, tasks()) : undefined
    return bertForward(ops, w, config, inputs, taps, { also })
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
