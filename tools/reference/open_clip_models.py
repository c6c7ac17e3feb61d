"""Writes parity-tests/fixtures/open-clip: small open_clip checkpoints, and what open_clip itself makes of fixed inputs.

    python tools/reference/open_clip_models.py [case ...]

Models are open_clip's own classes with drawn weights; pixels, ids and cleaned texts come from its transforms and tokenizers.
"""

import base64
import copy
import gzip
import hashlib
import io
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
from open_clip.coca_model import CoCa
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file
from timm.models.convnext import _create_convnext
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
tiny("vit_nano_patch6_24", class_token=True)
tiny("vit_nano_patch6_siglip_gap_24", global_pool="avg", fc_norm=False)


def convnext(name, **options):
    def make(pretrained=False, **kwargs):
        return _create_convnext(name, pretrained=False, **{**dict(depths=[1, 2, 1, 1], dims=[6, 12, 24, 48]), **options, **kwargs})

    make.__name__, make.__module__ = name, "timm.models.convnext"
    timm.models.register_model(make)


convnext("convnext_nano")
# The name says how its norms differ.
convnext("convnext_xxlarge", norm_eps=1e-5)
CONVNEXT = dict(image_size=[32, 64], width=6, layers=[1, 2, 1, 1], timm_model_pretrained=False, timm_pool="", timm_drop=0.0, timm_drop_path=0.1)

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
    "timm-token": ("open_clip", "safetensors", dict(
        embed_dim=20, vision_cfg=dict(**TIMM, timm_model_name="vit_nano_patch6_24", timm_model_pretrained=False, timm_pool="token", timm_proj="linear"), text_cfg=TEXT)),
    "timm-avg-mlp": ("open_clip", "bin", dict(
        embed_dim=20, vision_cfg=dict(**TIMM, timm_model_name="vit_nano_patch6_24", timm_model_pretrained=False, timm_pool="avg", timm_proj="mlp"), text_cfg=TEXT)),
    # CLIPA's.
    "no-ln-pre": ("open_clip", "safetensors", dict(
        embed_dim=20, vision_cfg={**VISION, "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True}, text_cfg={**TEXT, "no_causal_mask": True, "pool_type": "last"})),
    "coca": ("open_clip", "bin", dict(
        embed_dim=24, vision_cfg={**VISION, "attentional_pool": True, "attn_pooler_heads": 3, "attn_pooler_queries": 5, "output_tokens": True},
        text_cfg={**TEXT, "embed_cls": True, "output_tokens": True}, multimodal_cfg=dict(context_length=LENGTH, vocab_size=100, width=24, heads=3, layers=1), custom_text=True)),
    "convnext": ("open_clip", "safetensors", dict(embed_dim=20, vision_cfg=dict(**CONVNEXT, timm_model_name="convnext_nano", timm_proj="linear"), text_cfg=TEXT)),
    "convnext-mlp-eps": ("open_clip", "safetensors", dict(embed_dim=20, vision_cfg=dict(**CONVNEXT, timm_model_name="convnext_xxlarge", timm_proj="mlp"), text_cfg=TEXT)),
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
    kind = CoCa if "multimodal_cfg" in config else CustomTextCLIP if custom else CLIP
    model = kind(**config).eval()
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
        if "eps" in name:
            # So faint that the epsilon of the norm behind it matters.
            model.visual.trunk.stem[0].weight.mul_(0.01)
            model.visual.trunk.stem[0].bias.mul_(0.01)
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
    size = np.broadcast_to(config["vision_cfg"]["image_size"], 2).tolist()
    pixels, ids = torch.randn((IMAGES, 3, *size), generator=generator), ids_of(config, generator)
    with torch.no_grad():
        image, text = model.encode_image(pixels, normalize=True), model.encode_text(ids, normalize=True)
        if hasattr(model, "get_logits"):
            per_image, per_text = model.get_logits(pixels, ids)
        else:
            per_image = model.logit_scale.exp() * image @ text.T
            per_text = per_image.T
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


SENTENCES = [
    "l\u2019\u00e9t\u00e9 \u00e0 la plage, d\u00e9j\u00e0 vu \u2013 \u00ab No\u00ebl \u00bb", "\u201cquoted\u201d it\u2019s \u2014 fine\u2026 \u2022 list",
    "Stra\u00dfe in M\u00fcnchen, K\u00f6ln & D\u00fcsseldorf", "a\u00e7\u00e3o, p\u00e3es e \u00e0s vezes \u00e0quela f\u00e1cil", "\u00bfQu\u00e9 ni\u00f1o? \u00a1S\u00ed, ma\u00f1ana!",
    "\u043a\u0440\u0430\u0441\u043d\u0430\u044f \u043c\u0430\u0448\u0438\u043d\u0430 \u2014 \u0432 \u0433\u043e\u0440\u043e\u0434\u0435", "\u4e00\u53ea\u732b\u5728\u6c99\u53d1\u4e0a", "\u72ac\u3068\u732b\u306e\u5199\u771f", "\ud55c\uad6d\uc5b4 \uac15\uc544\uc9c0",
    "\u03bc\u03b9\u03b1 \u03b3\u03ac\u03c4\u03b1 \u03ba\u03b1\u03b9 \u03ad\u03bd\u03b1\u03c2 \u03c3\u03ba\u03cd\u03bb\u03bf\u03c2", "\u0635\u0648\u0631\u0629 \u0642\u0637\u0629 \u0639\u0644\u0649 \u0627\u0644\u0623\u0631\u064a\u0643\u0629", "\u0e41\u0e21\u0e27\u0e1a\u0e19\u0e42\u0e0b\u0e1f\u0e32",
    "za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144", "p\u0159\u00edli\u0161 \u017elu\u0165ou\u010dk\u00fd k\u016f\u0148", "\u00e7ok g\u00fczel bir \u015fehir \u0130stanbul \u0131\u011fd\u0131r", "\u010detri ka\u0137i \u016bden\u012b",
    "\U0001f600 happy \u2764\ufe0f dog \U0001f436", "5\u20ac or \u00a37, 20\u00a0\u00b0C \u00b1 \u00bd \u00d7 2", "\u0938\u0902\u0926\u0930 \u092a\u0939\u093e\u095c", "na\u00efve caf\u00e9 \u00ae\u2122 \u00a9 2020",
    "\u0153uvre d\u2019art \u00c0 Paris", "\u00c5land, \u00d8rsted, sm\u00f8rrebr\u00f8d \u00e6\u00f8\u00e5", "(\u0ca0_\u0ca0) \u00af\\_(\u30c4)_/\u00af", "\ud558\ub298 \ucf69",
]
WRONG = ["latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253", "sloppy-windows-1254", "sloppy-windows-1257", "iso-8859-2", "macroman", "cp437"]


def garbled():
    """Sentences, and what is left of them when their UTF-8 is read as something else, once, twice, in part, or with losses."""
    made = list(SENTENCES)
    for at, sentence in enumerate(SENTENCES):
        for encoding in WRONG:
            once = sentence.encode("utf-8").decode(encoding)
            made.append(once)
            if encoding in WRONG[:3]:
                made += [f"caf\u00e9 \u201cok\u201d {once}", once.replace("\u00a0", " "), once.encode("utf-8").decode("sloppy-windows-1252")]
        made.append(sentence.encode("utf-8").decode("windows-1252", "replace"))
        made.append(sentence.encode("utf-16", "surrogatepass").decode("latin-1")[2:] if at % 5 == 0 else sentence.encode("utf-8").decode("latin-1") + "\n<b>&eacute;\u00c3\u00a9</b>\n&EACUTE; &#59;")
        made.append(sentence + "\n" + sentence.encode("utf-8").decode("sloppy-windows-1252"))
    cesu = "".join(chr(b) for c in "\U0001f436" for u in [c.encode("utf-16-be")[:2], c.encode("utf-16-be")[2:]] for b in chr(int.from_bytes(u, "big")).encode("utf-8", "surrogatepass"))
    made += [f"a dog {cesu} here", "null \u00c0\u0080 byte \u00c3\u00a9", "\u00c2 \u00c2 sold", "a\u00c2 lot, yes!\u00c2 \u00a0", "M\u00c3\u203ANCHEN", "voil\u00c3 le travail", "l\u00c3\u00a0 l\u00e0", "&NTILDE; &Ntilde; &ntilde;"]
    return list(dict.fromkeys(made))


def write_cleaning():
    texts = garbled()
    clean = open_clip.tokenizer.get_clean_fn("whitespace")
    out = [[text, clean(text)] for text in texts]
    (ROOT / "cleaning.json").write_text(json.dumps(out, ensure_ascii=True, indent=0) + "\n")
    print(len(out), "texts,", sum(a != b for a, b in out), "mended")


def picture(height, width):
    data = (np.arange(height * width * 3) * 7 + np.arange(height * width * 3) // (3 * width) * 31) % 256
    return Image.fromarray(data.astype(np.uint8).reshape(height, width, 3))


def picture_files():
    """Pictures as files of each mode that open_clip, which converts to RGB after resizing, does not resize as RGB."""
    rgb = picture(31, 47)
    alpha = Image.fromarray(((np.arange(31 * 47) * 5 + np.arange(31 * 47) // 47 * 3) % 256).astype(np.uint8).reshape(31, 47))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    grey = rgb.convert("L")
    pale = grey.copy()
    pale.putalpha(alpha)
    palette = rgb.quantize(16)
    files = {
        "palette.png": (palette, {}), "seen-through-palette.png": (palette, dict(transparency=bytes(range(0, 160, 10)))), "rgba.png": (rgba, {}), "grey-alpha.png": (pale, {}),
        "grey.png": (grey, {}), "bits.png": (rgb.convert("1"), {}), "rgba.webp": (rgba, dict(lossless=True, exact=True)), "palette.gif": (palette, {}), "palette.bmp": (palette, {}),
        "grey.gif": (grey, {}), "grey.bmp": (grey, {}), "rgba.bmp": (rgba, {}), "bits.bmp": (rgb.convert("1"), {}),
    }
    made = {}
    for name, (image, options) in files.items():
        buffer = io.BytesIO()
        image.save(buffer, name.split(".")[1].upper(), **options)
        made[name] = buffer.getvalue()
    return made


def hash_of(pixels):
    return {"dims": list(pixels.shape), "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}


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


CLIPS_TOKENS = dict(bos_token="[UNK]", eos_token="[MASK]")


def write_processing():
    folder = ROOT / "tokenizer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    images = []
    for given in TRANSFORMS:
        transform = image_transform_v2(PreprocessCfg(**given), is_train=False)
        pixels = [transform(picture(*size)).numpy() for size in PICTURES]
        images.append({"preprocess_cfg": given, "pixels": [hash_of(p) for p in pixels]})
    files = []
    for name, data in picture_files().items():
        kept = [hash_of(image_transform_v2(PreprocessCfg(**given), is_train=False)(Image.open(io.BytesIO(data))).numpy()) for given in TRANSFORMS[:3] + TRANSFORMS[4:6]]
        files.append({"name": name, "mode": Image.open(io.BytesIO(data)).mode, "base64": base64.b64encode(data).decode(), "pixels": kept})
    print([(f["name"], f["mode"]) for f in files])
    cleaned = {name: [open_clip.tokenizer.get_clean_fn(name)(text) for text in STRINGS] for name in ("whitespace", "lower", "canonicalize")}
    simple = tokenizer_files(folder)
    ids = [{"tokenizer": "simple", "clean": "lower", "ids": simple(STRINGS).tolist()}]
    for clean in ("whitespace", "canonicalize"):
        hf = open_clip.tokenizer.HFTokenizer(str(TEXTS / "xlm-roberta"), context_length=LENGTH, clean=clean)
        ids.append({"tokenizer": "xlm-roberta", "clean": clean, "ids": hf(STRINGS).tolist()})
    special = folder.parent / "special"
    shutil.copytree(TEXTS / "bert", special)
    settings = json.loads((special / "tokenizer_config.json").read_text())
    (special / "tokenizer_config.json").write_text(json.dumps({**settings, **CLIPS_TOKENS}))
    for kwargs in (dict(strip_sep_token=True), dict(tokenizer_mode="clips")):
        hf = open_clip.tokenizer.HFTokenizer(str(special), context_length=LENGTH, **kwargs)
        ids.append({"tokenizer": "bert", "clean": "whitespace", **kwargs, "ids": hf(STRINGS).tolist()})
    shutil.rmtree(special)
    out = {"pictures": PICTURES, "images": images, "transforms_of_files": TRANSFORMS[:3] + TRANSFORMS[4:6], "files": files, "texts": STRINGS, "cleaned": cleaned, "ids": ids}
    (ROOT / "processing.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    for index, (name, case) in enumerate(CASES.items()):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            write(index, name, case)
    if len(sys.argv) < 2 or "processing" in sys.argv[1:]:
        write_processing()
    if len(sys.argv) < 2 or "cleaning" in sys.argv[1:]:
        write_cleaning()
