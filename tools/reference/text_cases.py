"""The cases of the text towers that came after BERT and RoBERTa: each option of each, beside a small ViT."""

from zlib import crc32

from transformers import (
    AlbertConfig,
    BertConfig,
    CamembertConfig,
    CLIPTextConfig,
    Data2VecTextConfig,
    DebertaConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ErnieConfig,
    MegatronBertConfig,
    MobileBertConfig,
    ModernBertConfig,
    MPNetConfig,
    NomicBertConfig,
    RemBertConfig,
    RobertaConfig,
    RobertaPreLayerNormConfig,
    SiglipTextConfig,
    ViTConfig,
    XLMRobertaConfig,
    XLMRobertaXLConfig,
)

VISION = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, image_size=12, patch_size=6)
TEXT = dict(
    vocab_size=50, hidden_size=18, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=24, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
)
ROBERTA = dict(type_vocab_size=1, pad_token_id=1)


def build(config_class, **defaults):
    return lambda **kw: config_class(**{**TEXT, **defaults, **kw})


bert = build(BertConfig)
roberta = build(RobertaConfig, **ROBERTA)
xlm_roberta = build(XLMRobertaConfig, **ROBERTA)
camembert = build(CamembertConfig, **ROBERTA)
ernie = build(ErnieConfig)
data2vec = build(Data2VecTextConfig, **ROBERTA)
xlm_roberta_xl = build(XLMRobertaXLConfig, **ROBERTA)
megatron_bert = build(MegatronBertConfig)
roberta_prelayernorm = build(RobertaPreLayerNormConfig, **ROBERTA)
electra = build(ElectraConfig, embedding_size=14, pooling="cls")
albert = build(AlbertConfig, embedding_size=14)
rembert = build(RemBertConfig, input_embedding_size=14)
mpnet = build(MPNetConfig)
mobilebert = build(MobileBertConfig, embedding_size=14, intra_bottleneck_size=12)
BOTH = ["c2p", "p2c"]
deberta = build(DebertaConfig, pooling="cls", relative_attention=True, pos_att_type=BOTH)
deberta_v2 = build(DebertaV2Config, pooling="cls", relative_attention=True, pos_att_type=BOTH, position_buckets=6)
nomic_bert = build(NomicBertConfig, pooling="mean")


def plain(config_class, **defaults):
    """Of the towers of whole models: their dropouts have other names."""
    sizes = {key: value for key, value in TEXT.items() if "dropout" not in key}
    return lambda **kw: config_class(**{**sizes, **defaults, **kw})


clip_text = plain(CLIPTextConfig, eos_token_id=49, pad_token_id=1)
siglip_text = plain(SiglipTextConfig)


def modernbert(**kw):
    return ModernBertConfig(**{**dict(
        vocab_size=50, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=3,
        max_position_embeddings=24, local_attention=6, pad_token_id=0, bos_token_id=1, cls_token_id=1, eos_token_id=2,
        sep_token_id=2, pooling="cls"), **kw})


MODERNBERT_OLD = dict(global_attn_every_n_layers=2, global_rope_theta=100.0, local_rope_theta=50.0)


def distilbert(**kw):
    return DistilBertConfig(**{**dict(
        vocab_size=50, dim=18, n_layers=2, n_heads=3, hidden_dim=20, max_position_embeddings=24, dropout=0.1,
        attention_dropout=0.1, pooling="cls"), **kw})


def case(name, text, **notes):
    vision = ViTConfig(**VISION)
    return dict(**{"name": name, "vision": vision, "text": text, "image": None, "interpolate": False, "seed": crc32(name.encode()), **notes})


TEXT_CASES = [
    case("ernie", ernie()),
    case("ernie-task", ernie(use_task_id=True, task_type_vocab_size=5, type_vocab_size=4, hidden_act="relu", layer_norm_eps=0.1)),
    case("data2vec-text", data2vec(), position_ids=True),
    case("data2vec-text-left-padding", data2vec(pooling="max", pad_token_id=3, type_vocab_size=2, hidden_act="gelu_new", layer_norm_eps=0.1), padding="left"),
    case("xlm-roberta-xl", xlm_roberta_xl()),
    case("xlm-roberta-xl-mean", xlm_roberta_xl(pooling="mean", type_vocab_size=2, hidden_act="gelu_new", layer_norm_eps=0.1)),
    case("electra", electra()),
    case("electra-mean", electra(embedding_size=18, pooling="mean"), position_ids=True),
    case("electra-max", electra(pooling="max", type_vocab_size=3, hidden_act="relu", layer_norm_eps=0.1)),
    case("albert", albert()),
    case("albert-groups", albert(num_hidden_layers=3, num_hidden_groups=2, inner_group_num=2, hidden_act="gelu")),
    case("albert-mean", albert(pooling="mean", type_vocab_size=3, layer_norm_eps=0.1), position_ids=True),
    case("rembert", rembert()),
    case("rembert-cls", rembert(input_embedding_size=18, pooling="cls", type_vocab_size=3, layer_norm_eps=0.1, hidden_act="silu")),
    case("distilbert", distilbert()),
    case("distilbert-mean", distilbert(pooling="mean", activation="relu"), position_ids=True),
    case("distilbert-max", distilbert(pooling="max", sinusoidal_pos_embds=True), padding="left"),
    case("mpnet", mpnet()),
    case("mpnet-long", mpnet(relative_attention_num_buckets=33, pooling="mean"), length=22),
    case("mpnet-position-ids", mpnet(pad_token_id=0, hidden_act="relu", layer_norm_eps=0.1), position_ids=True),
    # Without norms, float32 itself is off by 3e-5 after two layers.
    case("mobilebert", mobilebert(num_hidden_layers=1), seed=5007),
    case("mobilebert-wide", mobilebert(use_bottleneck=False, trigram_input=False, num_feedforward_networks=1)),
    case("mobilebert-layer-norm", mobilebert(
        normalization_type="layer_norm", layer_norm_eps=0.1, use_bottleneck_attention=True, classifier_activation=False,
        hidden_act="gelu"), position_ids=True),
    case("mobilebert-unshared", mobilebert(
        key_query_shared_bottleneck=False, intra_bottleneck_size=18, embedding_size=18, trigram_input=False, pooling="mean")),
    case("deberta", deberta()),
    case("deberta-absolute", deberta(relative_attention=False, pos_att_type="c2p|p2c", type_vocab_size=2, embedding_size=14,
                                     pooling="mean"), position_ids=True),
    case("deberta-far", deberta(max_relative_positions=4, position_biased_input=False, pos_att_type=["c2p"], hidden_act="gelu_new", pooling="max"),
         length=12),
    case("deberta-talking-heads", deberta(talking_head=True, pos_att_type=["p2c"], layer_norm_eps=0.1)),
    case("deberta-v2", deberta_v2()),
    case("deberta-v2-shared", deberta_v2(share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False,
                                         type_vocab_size=2, pooling="mean"), length=20),
    case("deberta-v2-convolution", deberta_v2(conv_kernel_size=3, conv_act="gelu", pos_att_type="p2c", position_buckets=-1,
                                              max_relative_positions=4)),
    case("deberta-v2-grouped", deberta_v2(conv_kernel_size=5, conv_groups=3, pos_att_type=["c2p"], embedding_size=14,
                                          pooling="max"), padding="left"),
    case("deberta-v2-absolute", deberta_v2(relative_attention=False, pos_att_type=None, hidden_act="silu", layer_norm_eps=0.1), position_ids=True),
    case("modernbert", modernbert(), seed=5000),
    case("modernbert-biases", modernbert(norm_bias=True, attention_bias=True, mlp_bias=True, hidden_activation="relu",
                                         norm_eps=0.1, pooling="mean"), position_ids=True),
    case("modernbert-layers", modernbert(
        layer_types=["sliding_attention", "full_attention", "sliding_attention"], local_attention=4, pooling="max",
        rope_parameters={"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}), length=16, padding="left"),
    case("nomic-bert", nomic_bert()),
    case("nomic-bert-cls", nomic_bert(pooling="cls", type_vocab_size=3, hidden_act="gelu", head_dim=4, layer_norm_eps=0.1,
                                      rope_parameters={"rope_type": "default", "rope_theta": 100.0}), position_ids=True),
    case("clip-text", clip_text(hidden_act="gelu"), end=49),
    case("clip-text-old", clip_text(eos_token_id=2, pad_token_id=0, layer_norm_eps=0.1), end=49, position_ids=True),
    case("siglip-text", siglip_text(), pair=True),
    case("siglip-text-projected", siglip_text(projection_size=14, hidden_act="relu", layer_norm_eps=0.1), pair=True, position_ids=True),
    case("bert-mean", bert(type_vocab_size=3, layer_norm_eps=0.1, pooling="mean")),
    case("roberta-max", roberta(type_vocab_size=2, layer_norm_eps=0.1, pad_token_id=3, pooling="max")),
    case("xlm-roberta-mean", xlm_roberta(type_vocab_size=2, layer_norm_eps=0.1, pad_token_id=3, pooling="mean"), padding="left"),
    case("camembert-cls", camembert(type_vocab_size=2, layer_norm_eps=0.1, pad_token_id=3, pooling="cls")),
    case("ernie-mean", ernie(pooling="mean")),
    case("clip-text-mean", clip_text(pooling="mean"), end=49),
    case("modernbert-old-keys", modernbert(**MODERNBERT_OLD, pooling="mean"), old_keys=MODERNBERT_OLD),
    case("siglip-text-max", siglip_text(pooling="max"), pair=True),
    case("megatron-bert", megatron_bert(), position_ids=True),
    case("megatron-bert-mean", megatron_bert(type_vocab_size=3, hidden_act="gelu_new", layer_norm_eps=0.1, pad_token_id=3, pooling="mean")),
    case("roberta-prelayernorm", roberta_prelayernorm(), position_ids=True),
    case("roberta-prelayernorm-max", roberta_prelayernorm(type_vocab_size=2, hidden_act="relu", layer_norm_eps=0.1, pad_token_id=3, pooling="max"), padding="left"),
]
