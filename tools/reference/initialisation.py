"""Writes parity-tests/fixtures/initialisation: how transformers draws new weights.

    python tools/reference/initialisation.py [case ...]

For each case the config, and for each parameter `[count, mean, standard deviation, largest magnitude]`.
"""

import json
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import VisionTextDualEncoderConfig, VisionTextDualEncoderModel

from cases import beit, bert, camembert, chinese_clip, clip, deit, dinov2, roberta, siglip, vit, xlm_roberta
from text_cases import (
    albert, data2vec, deberta, deberta_v2, distilbert, electra, ernie, megatron_bert, mobilebert, modernbert, mpnet, nomic_bert, rembert,
    roberta_prelayernorm, xlm_roberta_xl,
)
from towers import Pair
from vision_cases import (
    aimv2,
    convnext,
    convnextv2,
    data2vec_vision,
    dinov2_with_registers,
    dinov3,
    dinov3_convnext,
    efficientnet,
    hiera,
    ijepa,
    mlcd,
    regnet,
    resnet,
    swin,
    swinv2,
    vit_mae,
    vit_msn,
)

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "initialisation"
# Sizes at which a standard deviation says something; the two ranges differ, and from the default.
SIZES = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80)
VISION = dict(**SIZES, initializer_range=0.03)
TEXT = dict(**{**SIZES, "hidden_size": 40}, vocab_size=300, initializer_range=0.05)
DINO = {key: value for key, value in VISION.items() if key != "intermediate_size"}
CASES = {
    "vit-bert": (vit(**VISION), bert(**TEXT)),
    "deit-roberta": (deit(**VISION), roberta(**TEXT)),
    "beit-xlm-roberta": (
        beit(**VISION, use_relative_position_bias=True, use_absolute_position_embeddings=True, use_mask_token=True),
        xlm_roberta(**TEXT),
    ),
    "beit-shared-camembert": (
        beit(**VISION, use_shared_relative_position_bias=True, use_mean_pooling=False, layer_scale_init_value=0.2),
        camembert(**TEXT),
    ),
    "clip-bert": (clip(**VISION), bert(**TEXT)),
    "clip-factor-bert": (clip(**VISION, initializer_factor=2.0), bert(**TEXT)),
    "chinese-clip-bert": (chinese_clip(**VISION, initializer_factor=0.5), bert(**TEXT)),
    "siglip-bert": (siglip(**VISION), bert(**TEXT)),
    "dinov2-bert": (dinov2(**VISION, layerscale_value=0.7), bert(**TEXT)),
    "dinov2-swiglu-bert": (dinov2(**VISION, use_swiglu_ffn=True), bert(**TEXT)),
    "vit-ernie": (vit(**VISION), ernie(**TEXT, use_task_id=True)),
    "vit-data2vec-text": (vit(**VISION), data2vec(**TEXT)),
    "vit-xlm-roberta-xl": (vit(**VISION), xlm_roberta_xl(**TEXT)),
    "vit-megatron-bert": (vit(**VISION), megatron_bert(**TEXT)),
    "vit-roberta-prelayernorm": (vit(**VISION), roberta_prelayernorm(**TEXT)),
    "vit-electra": (vit(**VISION), electra(**TEXT)),
    "vit-albert": (vit(**VISION), albert(**TEXT, inner_group_num=2)),
    "vit-rembert": (vit(**VISION), rembert(**TEXT)),
    "vit-distilbert": (vit(**VISION), distilbert(dim=40, n_heads=4, hidden_dim=80, vocab_size=300, initializer_range=0.05)),
    "vit-distilbert-sinusoidal": (vit(**VISION), distilbert(dim=40, n_heads=4, sinusoidal_pos_embds=True)),
    "vit-mpnet": (vit(**VISION), mpnet(**TEXT)),
    "vit-mobilebert": (vit(**VISION), mobilebert(**TEXT)),
    "vit-deberta": (vit(**VISION), deberta(**TEXT, type_vocab_size=2, embedding_size=24)),
    "vit-deberta-v2": (vit(**VISION), deberta_v2(**TEXT, norm_rel_ebd="layer_norm", conv_kernel_size=3)),
    "vit-modernbert": (vit(**VISION), modernbert(**TEXT, norm_bias=True, mlp_bias=True)),
    "vit-nomic-bert": (vit(**VISION), nomic_bert(**TEXT)),
    "dinov2-registers-bert": (dinov2_with_registers(**DINO), bert(**TEXT)),
    "dinov3-bert": (dinov3(**VISION, layerscale_value=0.7), bert(**TEXT)),
    "mlcd-bert": (mlcd(**VISION, initializer_factor=0.5), bert(**TEXT)),
    "swin-bert": (swin(initializer_range=0.03, use_absolute_embeddings=True), bert(**TEXT)),
    "swinv2-bert": (swinv2(initializer_range=0.03), bert(**TEXT)),
    "hiera-bert": (hiera(initializer_range=0.03, embed_dim=16, layer_norm_init=0.5), bert(**TEXT)),
    "aimv2-bert": (aimv2(**VISION, mlp_bias=True), bert(**TEXT)),
}
# Pairs that Python's dual encoder does not take.
PAIRS = {
    "convnext-bert": (convnext(initializer_range=0.03), bert(**TEXT)),
    "convnextv2-bert": (convnextv2(initializer_range=0.03), bert(**TEXT)),
    "resnet-bert": (resnet(), bert(**TEXT)),
    "regnet-bert": (regnet(embedding_size=40, hidden_sizes=[48, 64], groups_width=16), bert(**TEXT)),
    "dinov3-convnext-bert": (dinov3_convnext(initializer_range=0.03), bert(**TEXT)),
    "ijepa-bert": (ijepa(**VISION), bert(**TEXT)),
    "efficientnet-bert": (efficientnet(), bert(**TEXT)),
    "vit-msn-bert": (vit_msn(**VISION), bert(**TEXT)),
    "vit-mae-bert": (vit_mae(**VISION), bert(**TEXT)),
    "data2vec-vision-bert": (
        data2vec_vision(**VISION, use_shared_relative_position_bias=True, use_absolute_position_embeddings=True, use_mean_pooling=False),
        bert(**TEXT),
    ),
}


def figures(value):
    value = value.double()
    std = value.std(correction=0).item()
    # Constants are exact.
    digits = 7 if std == 0 else 5
    return [value.numel(), *(float(f"{v:.{digits}g}") for v in (value.mean().item(), std, value.abs().max().item()))]


def new_pair(vision, text):
    """Its projections and scale as the dual encoder draws its own."""
    pair = Pair(dict(vision=vision, text=text, vision_pooling="mean"))
    with torch.no_grad():
        if vision.model_type == "vit_mae":
            # transformers 5.24 means to draw these and returns before it does, for the projection is drawn already; 4.49 draws them.
            embeddings = pair.vision_model.embeddings
            for drawn in (embeddings.patch_embeddings.projection, *embeddings.parameters()):
                drawn._is_hf_initialized = False
            embeddings.initialize_weights()
        for projection in (pair.visual_projection, pair.text_projection):
            projection.weight.normal_(std=text.initializer_range)
        pair.logit_scale.fill_(2.6592)
    return pair


def write(name, vision, text):
    torch.manual_seed(0)
    config = VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=32) if name in CASES else None
    model = VisionTextDualEncoderModel(config) if name in CASES else new_pair(vision, text)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(Path(folder))
        weights = load_file(f"{folder}/model.safetensors")
        saved = json.loads(Path(f"{folder}/config.json").read_text())
    params = {key: figures(value) for key, value in sorted(weights.items())}
    (ROOT / f"{name}.json").write_text(json.dumps({"config": saved, "params": params}) + "\n")


if __name__ == "__main__":
    ROOT.mkdir(parents=True, exist_ok=True)
    for case, towers in {**CASES, **PAIRS}.items():
        if len(sys.argv) < 2 or case in sys.argv[1:]:
            write(case, *towers)
