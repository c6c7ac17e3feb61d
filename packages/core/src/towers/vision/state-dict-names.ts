import type { TowerNames } from '../tower'

/*
 * Names that transformers 5 gives weights in memory. Its `save_pretrained` writes those of transformers 4;
 * `torch.save(model.state_dict())`, and trainers that do the like, write these.
 */

const ATTENTION: TowerNames = [
  [/(?<=\.attention\.)q_proj\./, 'attention.query.'],
  [/(?<=\.attention\.)k_proj\./, 'attention.key.'],
  [/(?<=\.attention\.)v_proj\./, 'attention.value.'],
  [/(?<=\.attention\.)o_proj\./, 'output.dense.'],
]

/** Of ViT's layers and of those that are made like them. */
export const VIT_STATE_DICT: TowerNames = [
  [/^layers\./, 'encoder.layer.'],
  ...ATTENTION,
  [/\.mlp\.fc1\./, '.intermediate.dense.'],
  [/\.mlp\.fc2\./, '.output.dense.'],
]

export const BEIT_STATE_DICT: TowerNames = [
  [/^shared_position_bias\./, 'encoder.relative_position_bias.'],
  [/(?<=^layers\.\d+\.)relative_position_bias\./, 'attention.attention.relative_position_bias.'],
  ...VIT_STATE_DICT,
]

/** Of Swin; its second version keeps its names. */
export const SWIN_STATE_DICT: TowerNames = [
  [/(?<=\.attention\.)q_proj\./, 'self.query.'],
  [/(?<=\.attention\.)k_proj\./, 'self.key.'],
  [/(?<=\.attention\.)v_proj\./, 'self.value.'],
  [/(?<=\.attention\.)o_proj\./, 'output.dense.'],
  [/(?<=\.attention\.)relative_position_bias\./, 'self.'],
  [/\.mlp\.fc1\./, '.intermediate.dense.'],
  [/\.mlp\.fc2\./, '.output.dense.'],
]

export const DINOV3_STATE_DICT: TowerNames = [[/^model\./, '']]

export const DINOV2_STATE_DICT: TowerNames = [...ATTENTION, [/\.mlp\.down_proj\./, '.mlp.weights_out.']]

/** DINOv2's gated layer: halves of one weight. */
export const DINOV2_JOINED = [{ parts: ['.mlp.gate_proj.', '.mlp.up_proj.'], whole: '.mlp.weights_in.' }] as const
