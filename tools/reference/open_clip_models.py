"""Writes parity-tests/fixtures/open-clip: small open_clip checkpoints, and what open_clip itself makes of fixed inputs.

    python tools/reference/open_clip_models.py [case ...]

Models are open_clip's own classes with drawn weights; pixels, ids and cleaned texts come from its transforms and tokenizers.
"""

import copy
import gzip
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import open_clip
import open_clip.tokenizer
import timm
import torch
import transformers
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file
from timm.models.vision_transformer import _create_vision_transformer

from towers import draw

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "open-clip"
TEXTS = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "text"
IMAGES, ROWS, LENGTH = 3, 4, 12
VISION = dict(image_size=24, layers=2, width=32, head_width=8, patch_size=6, mlp_ratio=1.5)
TEXT = dict(context_length=LENGTH, vocab_size=100, width=30, heads=5, layers=2, mlp_ratio=2)
EPS = dict(norm_kwargs=dict(eps=1e-6))
TANH = dict(act_kwargs=dict(approximate="tanh"))
# open_clip leaves all sizes to timm; we read those that timm's own names do not say.
TIMM = {**VISION, "mlp_ratio": 1.5}
XLM = dict(vocab_size=100, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, max_position_embeddings=20, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)


def tiny(name, **options):
    def make(pretrained=False, **kwargs):
        sizes = dict(img_size=24, patch_size=6, embed_dim=32, depth=2, num_heads=4, mlp_ratio=1.5, class_token=False)
        return _create_vision_transformer(name, pretrained=False, **{**sizes, **options, **kwargs})

    make.__name__, make.__module__ = name, "timm.models.vision_transformer"
    timm.models.register_model(make)


tiny("vit_nano_patch6_siglip_24", global_pool="map")
tiny("vit_nano_patch6_siglip_gap_24", global_pool="avg", fc_norm=False)

# The family that a checkpoint is read as, its config, what holds its weights.
CASES = {
    "quick-gelu": ("clip", "safetensors", dict(embed_dim=20, quick_gelu=True, vision_cfg=VISION, text_cfg=TEXT)),
    "eos": ("metaclip_2", "bin", dict(embed_dim=20, custom_text=True, vision_cfg={**VISION, **TANH}, text_cfg={**TEXT, **TANH, "pool_type": "eos", "eos_id": 2})),
    "siglip": ("siglip", "safetensors", dict(
        embed_dim=32, init_logit_bias=-10, custom_text=True,
        vision_cfg=dict(**TIMM, timm_model_name="vit_nano_patch6_siglip_24", timm_model_pretrained=False, timm_pool="map", timm_proj="none"),
        text_cfg={**TEXT, **EPS, **TANH, "no_causal_mask": True, "proj_bias": True, "pool_type": "last"})),
    "xlm-roberta-mlp": ("open_clip", "safetensors", dict(embed_dim=20, vision_cfg=VISION, text_cfg=dict(hf_model_name="xlm-roberta-nano", hf_tokenizer_name="xlm-roberta-nano", hf_pooler_type="mean_pooler", context_length=LENGTH))),
    "first-avg": ("open_clip", "safetensors", dict(
        embed_dim=20, init_logit_bias=-3, custom_text=True, vision_cfg={**VISION, "pool_type": "avg", "final_ln_after_pool": True},
        text_cfg={**TEXT, "no_causal_mask": True, "pool_type": "first"})),
    "gap-mlp-last": ("open_clip", "bin", dict(
        embed_dim=20, custom_text=True,
        vision_cfg=dict(**TIMM, timm_model_name="vit_nano_patch6_siglip_gap_24", timm_model_pretrained=False, timm_pool="avg", timm_proj="mlp", timm_proj_bias=True),
        text_cfg={**TEXT, "proj_bias": True, "pool_type": "last"})),
    "bias-none": ("open_clip", "safetensors", dict(
        embed_dim=30, vision_cfg=dict(**TIMM, timm_model_name="vit_nano_patch6_siglip_24", timm_model_pretrained=False, timm_pool="map", timm_proj="linear", timm_proj_bias=True),
        text_cfg={**TEXT, "proj_type": "none"})),
}
PREPROCESS = dict(mean=[0.48, 0.45, 0.40], std=[0.26, 0.27, 0.28], interpolation="bicubic", resize_mode="shortest")


def model_of(given):
    config = copy.deepcopy(given)
    custom = config.pop("custom_text", False)
    folder = None
    if "hf_model_name" in config["text_cfg"]:
        folder = tempfile.mkdtemp()
        text_config = transformers.XLMRobertaConfig(**XLM)
        text_config.save_pretrained(folder)
        config["text_cfg"].update(hf_model_name=folder, hf_model_pretrained=False)
        custom = True
    model = (CustomTextCLIP if custom else CLIP)(**config).eval()
    if folder:
        shutil.rmtree(folder)
        model.text.transformer.set_attn_implementation("eager")
    return model


def ids_of(case, generator):
    ids = torch.randint(5, 97, (ROWS, LENGTH), generator=generator)
    hf = "hf_model_name" in case["text_cfg"]
    for row, length in enumerate([LENGTH, 6, 8, 3]):
        ids[row, length - 1] = 2 if hf or case["text_cfg"].get("pool_type") == "eos" else 99
        ids[row, length:] = 1 if hf else 0
    return ids


def write(index, name, case):
    family, kind, config = case
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(4000 + index)
    model = model_of(config)
    draw(model, generator)
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        if model.logit_bias is not None:
            model.logit_bias.fill_(-3.0)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    if kind == "bin":
        torch.save(state, folder / "open_clip_pytorch_model.bin")
    else:
        save_file(state, folder / "open_clip_model.safetensors")
    written = {"model_cfg": config, "preprocess_cfg": PREPROCESS}
    if "hf_model_name" in config["text_cfg"]:
        written["text_config"] = transformers.XLMRobertaConfig(**XLM).to_dict()
    (folder / "open_clip_config.json").write_text(json.dumps(written, indent=1) + "\n")
    pixels, ids = torch.randn((IMAGES, 3, 24, 24), generator=generator), ids_of(config, generator)
    with torch.no_grad():
        image, text = model.encode_image(pixels, normalize=True), model.encode_text(ids, normalize=True)
        per_image, per_text = model.get_logits(pixels, ids)
    save_file({"pixel_values": pixels, "input_ids": ids}, folder / "inputs.safetensors")
    expected = {"image_embeds": image, "text_embeds": text, "logits_per_image": per_image, "logits_per_text": per_text}
    save_file({k: v.clone().contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    (folder / "family.json").write_text(json.dumps({"family": family}) + "\n")
    print(name, family, {k: tuple(v.shape) for k, v in expected.items()})


PICTURES = [(30, 40), (41, 24), (25, 25), (13, 61), (9, 10)]
TRANSFORMS = [
    dict(size=24),
    dict(size=24, interpolation="bilinear"),
    dict(size=[20, 24], interpolation="bilinear"),
    dict(size=24, resize_mode="squash", mean=[0.5] * 3, std=[0.5] * 3),
    dict(size=[20, 24], resize_mode="squash", interpolation="bilinear"),
    dict(size=24, resize_mode="longest"),
    dict(size=[24, 20], resize_mode="longest", fill_color=7),
]
STRINGS = [
    "A photo of a cat.", "  two\u00a0 spaces\t and a\nline ", "it\u2019s \u201cquoted\u201d &amp; &quot;escaped&quot;", "P&eacute;rez &amp;amp; Caf\u00e9 &copy 2020",
    "\ufb01ne \uff26\uff55\uff4c\uff4c width\u3000text", "under_scored, (punctuated)! #tag @home", "<b>R&D</b> &lt;tag&gt; &rsquo;", "e\u0301 combining \u212b",
    "\x85next\u2028line\r\nend", "\x1b[31mred\x1b[0m \x07bell\ufeff", "100% &#233; &#xe9; &#146; &#0;", "don't DON'T we'll", "\u043f\u0440\u0438\u0432\u0435\u0442 \u4f60\u597d \U0001f600",
    "a very long text that does not fit into twelve tokens of the context that this model has", "", "\u0130stanbul \u1e9e\u00df", "&notanentity; this&not that &hellip; &mdash;",
]


def picture(height, width):
    data = (np.arange(height * width * 3) * 7 + np.arange(height * width * 3) // (3 * width) * 31) % 256
    return Image.fromarray(data.astype(np.uint8).reshape(height, width, 3))


def tokenizer_files(folder):
    """The tokenizer of CLIP's kind that is in the fixtures of texts, with ids in the order of CLIP's own."""
    merges = (TEXTS / "clip" / "merges.txt").read_text().strip()
    packed = folder / "merges.gz"
    packed.write_bytes(gzip.compress(merges.encode()))
    simple = open_clip.tokenizer.SimpleTokenizer(bpe_path=str(packed), context_length=LENGTH)
    packed.unlink()
    named = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocab = {named.get(token, token): id for token, id in simple.encoder.items()}
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text(merges + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}) + "\n")
    return simple


def write_processing():
    folder = ROOT / "tokenizer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    images = []
    for given in TRANSFORMS:
        transform = image_transform_v2(PreprocessCfg(**given), is_train=False)
        pixels = [transform(picture(*size)).numpy() for size in PICTURES]
        images.append({"preprocess_cfg": given, "pixels": [{"dims": list(p.shape), "sha256": hashlib.sha256(p.tobytes()).hexdigest()} for p in pixels]})
    cleaned = {name: [open_clip.tokenizer.get_clean_fn(name)(text) for text in STRINGS] for name in ("whitespace", "lower", "canonicalize")}
    simple = tokenizer_files(folder)
    ids = [{"tokenizer": "simple", "clean": "lower", "ids": simple(STRINGS).tolist()}]
    for clean in ("whitespace", "canonicalize"):
        hf = open_clip.tokenizer.HFTokenizer(str(TEXTS / "xlm-roberta"), context_length=LENGTH, clean=clean)
        ids.append({"tokenizer": "xlm-roberta", "clean": clean, "ids": hf(STRINGS).tolist()})
    out = {"pictures": PICTURES, "images": images, "texts": STRINGS, "cleaned": cleaned, "ids": ids}
    (ROOT / "processing.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    for index, (name, case) in enumerate(CASES.items()):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            write(index, name, case)
    if len(sys.argv) < 2 or "processing" in sys.argv[1:]:
        write_processing()
