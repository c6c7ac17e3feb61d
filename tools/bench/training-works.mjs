/** What training.mjs trains, as configs of transformers. */
const MINILM = {
  model_type: 'bert',
  hidden_size: 384,
  num_hidden_layers: 6,
  num_attention_heads: 12,
  intermediate_size: 1536,
  vocab_size: 30522,
}
const TINY = { model_type: 'vit', hidden_size: 192, num_attention_heads: 3, intermediate_size: 768, patch_size: 16 }

export const WORKS = {
  // MiniLM's size, against image embeddings that are known.
  text: {
    vision_config: { ...TINY, num_hidden_layers: 2, image_size: 32 },
    text_config: MINILM,
    projection_dim: 384,
  },
  // ViT-Tiny/16 and BERT-tiny, both trained.
  both: {
    vision_config: { ...TINY, num_hidden_layers: 12, image_size: 224 },
    text_config: {
      ...MINILM,
      hidden_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 512,
    },
    projection_dim: 384,
  },
  // DINOv2-small cut at ten layers, the upper three tuned with 48 of 64 patches dropped; MiniLM, its upper two.
  lit: {
    vision_config: {
      model_type: 'dinov2',
      hidden_size: 384,
      num_hidden_layers: 10,
      num_attention_heads: 6,
      mlp_ratio: 4,
      image_size: 112,
      patch_size: 14,
    },
    text_config: MINILM,
    projection_dim: 384,
  },
}
