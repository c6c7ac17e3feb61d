"""The cases of the tower fixtures, as data: what is built, and how it is called."""

from transformers import (
    BeitConfig,
    BertConfig,
    CamembertConfig,
    ChineseCLIPVisionConfig,
    CLIPVisionConfig,
    DeiTConfig,
    Dinov2Config,
    RobertaConfig,
    SiglipVisionConfig,
    ViTConfig,
    XLMRobertaConfig,
)

SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=24, patch_size=6)
TEXT = dict(
    vocab_size=100, hidden_size=30, num_hidden_layers=2, num_attention_heads=5, intermediate_size=40,
    max_position_embeddings=40, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
)
TINY = dict(hidden_size=16, num_attention_heads=2, intermediate_size=24)
TINY_TEXT = dict(hidden_size=16, num_attention_heads=2, intermediate_size=24, vocab_size=50)


def vit(**kw):
    return ViTConfig(**{**SMALL, **kw})


def deit(**kw):
    return DeiTConfig(**{**SMALL, **kw})


def beit(**kw):
    return BeitConfig(**{**SMALL, **kw})


def clip(**kw):
    return CLIPVisionConfig(**{**SMALL, **kw})


def chinese_clip(**kw):
    return ChineseCLIPVisionConfig(**{**SMALL, **kw})


def siglip(**kw):
    return SiglipVisionConfig(**{**SMALL, **kw})


def dinov2(**kw):
    values = {**SMALL, **kw}
    values.pop("intermediate_size")
    return Dinov2Config(**{"mlp_ratio": 2, **values})


def bert(**kw):
    return BertConfig(**{**TEXT, **kw})


def roberta(**kw):
    return RobertaConfig(**{**TEXT, "type_vocab_size": 1, **kw})


def xlm_roberta(**kw):
    return XLMRobertaConfig(**{**TEXT, "type_vocab_size": 1, **kw})


def camembert(**kw):
    return CamembertConfig(**{**TEXT, "type_vocab_size": 1, **kw})


def case(name, vision, text, image=None, interpolate=False, **notes):
    """`pair`: a pair of towers that VisionTextDualEncoderModel does not take; `vision_pooling`, `text_pooling` as our configs."""
    return dict(name=name, vision=vision, text=text, image=image, interpolate=interpolate, **notes)


CASES = [
    case("vit-bert", vit(), bert()),
    case("vit-rectangle", vit(image_size=[32, 48], patch_size=[8, 8]), bert(hidden_act="gelu_new"), image=(32, 48)),
    case("vit-rectangular-patches", vit(image_size=[32, 48], patch_size=[8, 12]), bert(hidden_act="relu"), image=(32, 48)),
    case("vit-one-channel", vit(num_channels=1, hidden_act="quick_gelu"), bert(hidden_act="silu")),
    case("vit-four-channels", vit(num_channels=4, hidden_act="gelu_fast"), bert(hidden_act="gelu_pytorch_tanh")),
    case("vit-no-qkv-bias", vit(qkv_bias=False, pooler_act="relu"), bert(hidden_act="tanh")),
    case("vit-interpolate", vit(), bert(hidden_act="relu6"), image=(36, 36), interpolate=True),
    case("vit-interpolate-rectangle", vit(), bert(hidden_act="mish"), image=(30, 42), interpolate=True),
    case("vit-interpolate-remainder", vit(), bert(hidden_act="sigmoid"), image=(40, 27), interpolate=True),
    case("deit-camembert", deit(), camembert()),
    case("deit-interpolate", deit(), camembert(hidden_act="gelu_10"), image=(36, 24), interpolate=True),
    case("beit-roberta", beit(use_relative_position_bias=True), roberta()),
    case("beit-shared-bias", beit(use_shared_relative_position_bias=True), roberta(hidden_act="leaky_relu")),
    case("beit-both-biases",
         beit(use_relative_position_bias=True, use_shared_relative_position_bias=True, use_mean_pooling=False),
         roberta(hidden_act="relu2")),
    case("beit-absolute", beit(use_absolute_position_embeddings=True, use_mask_token=True), roberta(hidden_act="hardswish")),
    case("beit-no-layer-scale", beit(layer_scale_init_value=0.0, use_mean_pooling=False), roberta(hidden_act="laplace")),
    case("beit-rectangle", beit(image_size=[24, 36], patch_size=6, use_relative_position_bias=True), roberta(), image=(24, 36)),
    case("beit-other-size", beit(use_relative_position_bias=True, use_absolute_position_embeddings=True), roberta(),
         image=(36, 30)),
    case("clip-bert", clip(), bert()),
    case("clip-interpolate", clip(), bert(), image=(36, 30), interpolate=True),
    case("clip-gelu", clip(hidden_act="gelu"), xlm_roberta(hidden_act="gelu_accurate")),
    case("siglip-xlm-roberta", siglip(), xlm_roberta()),
    case("siglip-interpolate", siglip(hidden_act="gelu_python_tanh"), xlm_roberta(), image=(30, 36), interpolate=True),
    case("chinese-clip-roberta", chinese_clip(), roberta()),
    case("dinov2-bert", dinov2(), bert(hidden_act="gelu_python")),
    case("dinov2-swiglu", dinov2(use_swiglu_ffn=True, qkv_bias=False), bert(hidden_act="swish")),
    case("dinov2-other-size", dinov2(use_mask_token=False), bert(), image=(36, 42)),
    case("odd-heads", vit(hidden_size=33, num_attention_heads=3), bert(hidden_size=28, num_attention_heads=4)),
    case("left-padding", vit(), roberta(), padding="left"),
    case("position-ids", clip(), xlm_roberta(), position_ids=True),
    # The same model as others write it.
    case("stored-f16", vit(), bert(), stored="float16"),
    case("stored-bf16", clip(), roberta(), stored="bfloat16"),
    case("sharded", vit(), bert(), shards="40KB"),
    case("old-names-bert", vit(), bert(), rename="bert"),
    case("old-names-clip", clip(), bert(), rename="clip"),
    case("old-names-siglip", siglip(), bert(), rename="clip"),
    case("old-names-chinese-clip", chinese_clip(), bert(), rename="clip"),
    case("old-names-beit", beit(use_relative_position_bias=True), bert(), rename="beit"),
    case("config-defaults", vit(), bert(), defaults_only=True),
    case("position-ids-roberta", vit(**TINY), roberta(**TINY_TEXT), position_ids=True),
    case("three-layers", beit(**TINY, num_hidden_layers=3, use_relative_position_bias=True), bert(**TINY_TEXT, num_hidden_layers=3)),
    # Whoever saved these trained them with masked patches: Python reads them and says that mask_token is left over.
    case("mask-token-vit", vit(**TINY), bert(**TINY_TEXT), rename="mask-token"),
    case("mask-token-deit", deit(**TINY), bert(**TINY_TEXT), rename="mask-token"),
    # Positions of 2x8 patches, which transformers takes for 4x4.
    case("dinov2-rectangle", dinov2(**TINY, image_size=[12, 48], patch_size=6), bert(**TINY_TEXT), image=(12, 48)),
    case("beit-absolute-rectangle", beit(**TINY, image_size=[12, 48], use_absolute_position_embeddings=True), bert(**TINY_TEXT),
         image=(12, 48)),
]
