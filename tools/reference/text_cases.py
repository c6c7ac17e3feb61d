"""The cases of the text towers that came after BERT and RoBERTa: each option of each, beside a small ViT."""

from zlib import crc32

from transformers import (
    AlbertConfig,
    Data2VecTextConfig,
    DistilBertConfig,
    ElectraConfig,
    ErnieConfig,
    MobileBertConfig,
    MPNetConfig,
    RemBertConfig,
    ViTConfig,
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


ernie = build(ErnieConfig)
data2vec = build(Data2VecTextConfig, **ROBERTA)
xlm_roberta_xl = build(XLMRobertaXLConfig, **ROBERTA)
electra = build(ElectraConfig, embedding_size=14, pooling="cls")
albert = build(AlbertConfig, embedding_size=14)
rembert = build(RemBertConfig, input_embedding_size=14)
mpnet = build(MPNetConfig)
mobilebert = build(MobileBertConfig, embedding_size=14, intra_bottleneck_size=12)


def distilbert(**kw):
    return DistilBertConfig(**{**dict(
        vocab_size=50, dim=18, n_layers=2, n_heads=3, hidden_dim=20, max_position_embeddings=24, dropout=0.1,
        attention_dropout=0.1, pooling="cls"), **kw})


def case(name, text, **notes):
    vision = ViTConfig(**VISION)
    return dict(name=name, vision=vision, text=text, image=None, interpolate=False, seed=crc32(name.encode()), **notes)


TEXT_CASES = [
    case("ernie", ernie()),
    case("ernie-task", ernie(use_task_id=True, hidden_act="relu", layer_norm_eps=0.1)),
    case("data2vec-text", data2vec(), position_ids=True),
    case("data2vec-text-left-padding", data2vec(pooling="max", pad_token_id=3, type_vocab_size=2), padding="left"),
    case("xlm-roberta-xl", xlm_roberta_xl()),
    case("xlm-roberta-xl-mean", xlm_roberta_xl(pooling="mean", hidden_act="gelu_new", layer_norm_eps=0.1)),
    case("electra", electra()),
    case("electra-mean", electra(embedding_size=18, pooling="mean"), position_ids=True),
    case("electra-max", electra(pooling="max", type_vocab_size=3)),
    case("albert", albert()),
    case("albert-groups", albert(num_hidden_layers=3, num_hidden_groups=2, inner_group_num=2, hidden_act="gelu")),
    case("albert-mean", albert(pooling="mean", layer_norm_eps=0.1), position_ids=True),
    case("rembert", rembert()),
    case("rembert-cls", rembert(input_embedding_size=18, pooling="cls", hidden_act="silu")),
    case("distilbert", distilbert()),
    case("distilbert-mean", distilbert(pooling="mean", activation="relu"), position_ids=True),
    case("distilbert-max", distilbert(pooling="max", sinusoidal_pos_embds=True), padding="left"),
    case("mpnet", mpnet()),
    case("mpnet-long", mpnet(relative_attention_num_buckets=33, pooling="mean"), length=22),
    case("mpnet-position-ids", mpnet(pad_token_id=0, layer_norm_eps=0.1), position_ids=True),
    case("mobilebert", mobilebert()),
    case("mobilebert-wide", mobilebert(use_bottleneck=False, trigram_input=False, num_feedforward_networks=1)),
    case("mobilebert-layer-norm", mobilebert(
        normalization_type="layer_norm", layer_norm_eps=0.1, use_bottleneck_attention=True, classifier_activation=False,
        hidden_act="gelu"), position_ids=True),
    case("mobilebert-unshared", mobilebert(
        key_query_shared_bottleneck=False, intra_bottleneck_size=18, embedding_size=18, trigram_input=False, pooling="mean")),
]
