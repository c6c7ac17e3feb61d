"""Cases of the vision towers beyond ViT, CLIP and SigLIP, each beside a BERT as small as can be."""

from transformers import (
    Aimv2VisionConfig,
    ConvNextConfig,
    ConvNextV2Config,
    Data2VecVisionConfig,
    Dinov2WithRegistersConfig,
    DINOv3ConvNextConfig,
    DINOv3ViTConfig,
    EfficientNetConfig,
    HieraConfig,
    IJepaConfig,
    MLCDVisionConfig,
    RegNetConfig,
    ResNetConfig,
    SwinConfig,
    Swinv2Config,
    ViTMAEConfig,
    ViTMSNConfig,
)

from cases import TINY, TINY_TEXT, beit, bert, case, chinese_clip, clip, deit, dinov2, siglip, vit

SIZE = dict(num_hidden_layers=2, image_size=24, patch_size=6)
VIT = dict(**TINY, **SIZE)
DINO = dict(hidden_size=16, num_attention_heads=2, mlp_ratio=2, num_hidden_layers=2, image_size=24, patch_size=6)

WINDOWS = dict(image_size=24, patch_size=3, embed_dim=8, depths=[2, 2], num_heads=[2, 2], window_size=3, mlp_ratio=2.0)
UNITS = dict(
    image_size=[16, 16], patch_size=[3, 3], patch_stride=[2, 2], patch_padding=[1, 1], embed_dim=8, depths=[1, 2, 1], num_heads=[1, 2, 4],
    num_query_pool=2, masked_unit_size=[4, 4], masked_unit_attention=[True, True, False],
)
STAGES = dict(num_stages=3, hidden_sizes=[6, 6, 10], depths=[2, 1, 1], image_size=32, patch_size=4)


def dinov2_with_registers(**kw):
    return Dinov2WithRegistersConfig(**{**DINO, **kw})


def dinov3(**kw):
    return DINOv3ViTConfig(**{**VIT, "num_register_tokens": 3, **kw})


def mlcd(**kw):
    return MLCDVisionConfig(**{**VIT, **kw})


def aimv2(**kw):
    return Aimv2VisionConfig(**{**VIT, **kw})


def vit_msn(**kw):
    return ViTMSNConfig(**{**VIT, **kw})


def vit_mae(**kw):
    return ViTMAEConfig(**{**VIT, "mask_ratio": 0.0, **kw})


def data2vec_vision(**kw):
    return Data2VecVisionConfig(**{**VIT, **kw})


def swin(**kw):
    return SwinConfig(**{**WINDOWS, **kw})


def swinv2(**kw):
    return Swinv2Config(**{**WINDOWS, **kw})


def convnext(**kw):
    return ConvNextConfig(**{**STAGES, "layer_scale_init_value": 0.1, **kw})


def convnextv2(**kw):
    return ConvNextV2Config(**{**STAGES, **kw})


def resnet(**kw):
    return ResNetConfig(**{**dict(embedding_size=6, hidden_sizes=[8, 12], depths=[2, 2]), **kw})


def regnet(**kw):
    """Groups of one stage and of more; a quarter of 10 channels is 2 in Python."""
    return RegNetConfig(**{**dict(embedding_size=10, hidden_sizes=[8, 12], depths=[2, 1], groups_width=4), **kw})


def dinov3_convnext(**kw):
    return DINOv3ConvNextConfig(**{**dict(hidden_sizes=[6, 10], depths=[2, 1], image_size=24, layer_scale_init_value=0.1), **kw})


def ijepa(**kw):
    return IJepaConfig(**{**VIT, **kw})


def efficientnet(**kw):
    """Width and divisor make 32 of its 1,280 channels."""
    sizes = dict(width_coefficient=0.025, depth_coefficient=1.0, depth_divisor=4, hidden_dim=32, image_size=20)
    blocks = dict(in_channels=[32, 40, 60], out_channels=[40, 60, 80], kernel_sizes=[3, 5, 3], strides=[1, 2, 2],
                  num_block_repeats=[1, 2, 1], expand_ratios=[1, 3, 2])
    return EfficientNetConfig(**{**sizes, **blocks, **kw})


def hiera(**kw):
    return HieraConfig(**{**UNITS, **kw})


def vision(name, config, image=None, **notes):
    return case(name, config, bert(**TINY_TEXT), image=image, **notes)


def pair(name, config, pooling=None, image=None, **notes):
    return vision(name, config, image, pair=True, vision_pooling=pooling, **notes)


VISION_CASES = [
    vision("dinov2-registers", dinov2_with_registers()),
    vision("dinov2-registers-larger", dinov2_with_registers(num_register_tokens=2, qkv_bias=False), image=(39, 30)),
    vision("dinov2-registers-smaller", dinov2_with_registers(use_swiglu_ffn=True, image_size=48, layerscale_value=0.5), image=(24, 19)),
    pair("dinov2-registers-mean", dinov2_with_registers(hidden_act="relu", layer_norm_eps=1e-2, mlp_ratio=3, num_channels=1), "mean", image=(24, 24), skipped=5),
    vision("dinov3", dinov3()),
    vision("dinov3-other-size", dinov3(rope_theta=50.0, key_bias=True, hidden_act="gelu_new", image_size=[24, 30]), image=(31, 18)),
    vision("dinov3-gated", dinov3(use_gated_mlp=True, hidden_act="silu", query_bias=False, value_bias=False, proj_bias=False, mlp_bias=False,
                                  num_register_tokens=0)),
    pair("dinov3-max", dinov3(hidden_size=24, num_attention_heads=3, layer_norm_eps=1e-2, num_channels=1), "max", skipped=4),
    vision("mlcd", mlcd()),
    vision("mlcd-other-size", mlcd(rope_parameters={"rope_type": "axial", "rope_theta": 40.0}, hidden_act="quick_gelu", layer_norm_eps=1e-2, num_channels=1), image=(20, 37)),
    vision("aimv2", aimv2()),
    vision("aimv2-native", aimv2(is_native=True, qkv_bias=True, mlp_bias=True, hidden_act="gelu"), image=(18, 31)),
    pair("aimv2-no-head", aimv2(use_head=False, rms_norm_eps=1e-2, num_channels=1), "mean"),
    pair("vit-msn", vit_msn(layer_norm_eps=1e-2, num_channels=1), "cls"),
    pair("vit-msn-interpolate", vit_msn(qkv_bias=False, hidden_act="relu"), "max", image=(30, 42), interpolate=True, skipped=1),
    pair("vit-mae", vit_mae(qkv_bias=False, layer_norm_eps=1e-2, num_channels=1), "mean", unmasked=True, skipped=1),
    pair("vit-mae-interpolate", vit_mae(hidden_act="silu"), "cls", image=(36, 30), interpolate=True, unmasked=True),
    pair("data2vec-vision", data2vec_vision(use_relative_position_bias=True), "mean", skipped=1),
    pair("data2vec-vision-shared",
         data2vec_vision(use_shared_relative_position_bias=True, use_mean_pooling=False, use_mask_token=True, layer_scale_init_value=0.0), "cls"),
    pair("data2vec-vision-other-size",
         data2vec_vision(use_relative_position_bias=True, use_absolute_position_embeddings=True, use_mean_pooling=False, hidden_act="relu",
                         layer_norm_eps=1e-2, num_channels=1), "max", image=(36, 30),
         skipped=1),
    vision("swin", swin()),
    vision("swin-other-size", swin(qkv_bias=False, hidden_act="relu", layer_norm_eps=1e-2), image=(29, 34)),
    vision("swin-absolute", swin(use_absolute_embeddings=True, depths=[1, 2, 1], num_heads=[1, 4, 8], window_size=2)),
    vision("swin-absolute-interpolate", swin(use_absolute_embeddings=True, window_size=4), image=(36, 24), interpolate=True),
    pair("swin-max", swin(mlp_ratio=3.0, num_channels=1, patch_size=[3, 2]), "max", image=(18, 39)),
    vision("swinv2", swinv2(), seed=5004),
    vision("swinv2-other-size", swinv2(qkv_bias=False, hidden_act="silu", pretrained_window_sizes=[4, 2]), image=(29, 34)),
    vision("swinv2-wide-window", swinv2(window_size=6, depths=[1, 2], image_size=[24, 30]), image=(24, 30)),
    pair("convnext", convnext()),
    pair("convnext-other-size", convnext(hidden_act="relu", layer_scale_init_value=0.0, layer_norm_eps=1e-2), image=(43, 30)),
    pair("convnext-max", convnext(num_channels=1, patch_size=2, num_stages=2, hidden_sizes=[6, 10], depths=[2, 1]), "max", image=(21, 24), norm_pooled=True),
    pair("convnextv2", convnextv2(), image=(37, 32)),
    pair("convnextv2-mean", convnextv2(hidden_act="gelu_new", layer_norm_eps=1e-2, num_channels=1), "mean", norm_pooled=True),
    pair("resnet", resnet(), image=(33, 40)),
    pair("resnet-basic", resnet(layer_type="basic", downsample_in_first_stage=True, hidden_act="silu"), image=(32, 47)),
    pair("resnet-early", resnet(downsample_in_bottleneck=True, num_channels=1), "max", image=(40, 35)),
    pair("efficientnet", efficientnet(in_channels=[160, 200, 300], out_channels=[200, 300, 400]), image=(21, 17)),
    pair("efficientnet-max", efficientnet(pooling_type="max", hidden_act="relu6", squeeze_expansion_ratio=0.0, depth_coefficient=1.1,
                                          strides=[2, 2, 1], depthwise_padding=[1], batch_norm_eps=1e-2, num_channels=1)),
    # The size that Python's dual encoder asks for.
    vision("efficientnet-dual", efficientnet(hidden_size=32, expand_ratios=[2, 1, 4])),
    vision("hiera", hiera()),
    vision("hiera-interpolate",
           hiera(embed_dim_multiplier=1.5, num_heads=[2, 3, 2], num_query_pool=1, masked_unit_attention=[True, False, False], mlp_ratio=2.0,
                 hidden_act="relu", layer_norm_eps=1e-2, num_channels=1), image=(24, 16), interpolate=True, unrolled=True),
    pair("hiera-max",
         hiera(image_size=[16, 24], patch_size=[3, 5], patch_stride=[2, 3], patch_padding=[1, 2], query_stride=[1, 2], depths=[2, 1, 2],
               masked_unit_size=[2, 8]), "max", norm_pooled=True),
    vision("swinv2-options", swinv2(mlp_ratio=3.0, layer_norm_eps=1e-1, num_channels=1)),
    pair("swinv2-max", swinv2(hidden_act="relu"), "max", image=(18, 39)),
    vision("vit-eps", vit(**TINY, layer_norm_eps=1e-1)),
    vision("deit-options", deit(**TINY, hidden_act="relu", layer_norm_eps=1e-1, num_channels=1, qkv_bias=False, pooler_act="gelu")),
    pair("deit-mean", deit(**TINY), "mean", skipped=2),
    vision("beit-options", beit(**TINY, hidden_act="relu", layer_norm_eps=1e-1, num_channels=1, use_relative_position_bias=True)),
    pair("beit-max", beit(**TINY), "max", skipped=1),
    vision("clip-options", clip(**TINY, layer_norm_eps=1e-1, num_channels=1)),
    pair("clip-max", clip(**TINY), "max", skipped=1, norm_pooled=True),
    vision("chinese-clip-options", chinese_clip(**TINY, hidden_act="relu", layer_norm_eps=1e-1, num_channels=1)),
    vision("siglip-options", siglip(**TINY, layer_norm_eps=1e-1, num_channels=1)),
    pair("siglip-max", siglip(**TINY, vision_use_head=False), "max"),
    vision("dinov2-options", dinov2(**TINY, hidden_act="relu", layer_norm_eps=1e-1, num_channels=1)),
    pair("dinov2-mean", dinov2(**TINY), "mean", skipped=1),
    pair("mlcd-max", mlcd(), "max", skipped=1, norm_pooled=True),
    pair("convnextv2-patches", convnextv2(patch_size=[2, 3], num_stages=2, hidden_sizes=[6, 10], depths=[1, 1]), image=(16, 30)),
    pair("efficientnet-pooled", efficientnet(), "max"),
    pair("ijepa", ijepa(num_channels=1, layer_norm_eps=1e-2), "mean"),
    pair("ijepa-interpolate", ijepa(qkv_bias=False, hidden_act="relu"), "max", image=(30, 42), interpolate=True),
    pair("regnet-y", regnet(hidden_act="silu"), image=(27, 22)),
    pair("regnet-x", regnet(layer_type="x", depths=[1, 1], downsample_in_first_stage=False, groups_width=16, num_channels=1), "max", image=(18, 13)),
    pair("dinov3-convnext", dinov3_convnext(), image=(27, 19)),
    pair("dinov3-convnext-mean", dinov3_convnext(depths=[1, 1], hidden_act="relu", layer_norm_eps=1e-2, num_channels=1), "mean", skipped=1),
]
for index, each in enumerate(VISION_CASES):
    each.setdefault("seed", 2000 + index)
