"""Writes parity-tests/fixtures/big-vision: two_towers checkpoints of big_vision, and what its own models make of fixed inputs.

    PYTHONPATH=<a checkout of big_vision>:<one of flaxformer> python tools/reference/big_vision_models.py

Needs jax, flax and chex (made with 0.10.2, 0.12.8 and 0.1.92); what the models take nothing from (TensorFlow, aqt and others) is left
out. Checkpoints are written by np.savez under the names of the parameters' tree, as big_vision writes them.
"""

import functools
import json
import shutil
import sys
import types
from pathlib import Path
from unittest import mock

import jax
import flax.training.checkpoints  # noqa: F401 (looks for a TensorFlow)
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

if not hasattr(jax, "tree"):
    jax.tree = types.SimpleNamespace(map=jax.tree_util.tree_map)
sys.modules["big_vision.utils"] = types.ModuleType("big_vision.utils")
sys.modules["big_vision.models.common"] = types.ModuleType("big_vision.models.common")
import big_vision  # noqa: E402
import big_vision.models  # noqa: E402

big_vision.utils, big_vision.models.common = (sys.modules[f"big_vision.{name}"] for name in ("utils", "models.common"))
from big_vision.models.proj.image_text import two_towers  # noqa: E402

UNUSED = ["aqt", "aqt.jax_legacy", "aqt.jax_legacy.jax", "tensorflow", "tensorflow.io", "flaxformer.architectures.bert.bert_checkpoint_converter"]
sys.modules.update({name: mock.MagicMock() for name in UNUSED})
from flaxformer.architectures.bert import configs  # noqa: E402

# Flaxformer's kernels do not tell their heads: BERT's are of 64 values.
configs.BertBaseConfig = functools.partial(configs.BertBaseConfig, hidden_size=128, intermediate_dim=40, num_hidden_layers=2, num_attention_heads=2, vocab_size=60, max_length=14)

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "big-vision"
IMAGE = dict(patch_size=(6, 6), width=20, depth=2, num_heads=4, mlp_dim=28)
TEXT = dict(width=20, depth=2, num_heads=4, mlp_dim=24, vocab_size=60)
LENGTH = 9
BERT = "proj.flaxformer.bert"

# The family that a checkpoint is read as, the model, how it is written.
CASES = {
    "siglip": ("siglip", dict(image={**IMAGE, "pool_type": "map"}, text=TEXT, out_dim=(None, 20), bias_init=-10.0), {}),
    "siglip-scan-bfloat16": ("siglip", dict(image={**IMAGE, "pool_type": "map", "scan": True}, text={**TEXT, "scan": True}, out_dim=(None, 20), bias_init=-10.0), dict(dtype=jnp.bfloat16, prefix="params/")),
    "lit-tok": ("open_clip", dict(image={**IMAGE, "pool_type": "tok"}, text=TEXT, out_dim=(None, 20)), {}),
    "lit-tok-rep": ("open_clip", dict(image={**IMAGE, "pool_type": "tok", "rep_size": True}, text={**TEXT, "width": 16, "num_heads": 2}, out_dim=24), dict(old=True)),
    "gap-head": ("open_clip", dict(image={**IMAGE, "pool_type": "gap"}, text=TEXT, out_dim=20, bias_init=-4.0), dict(dtype=np.float16, prefix="params/")),
    "no-head": ("open_clip", dict(image={**IMAGE, "pool_type": "map"}, text=TEXT, out_dim=(None, 0)), {}),
    # LiT's published ones: without a head for the pictures, and with one for each.
    "lit-bert": ("open_clip", dict(image={**IMAGE, "pool_type": "tok"}, text=dict(config="base"), text_model=BERT, out_dim=(None, 20)), dict(dtype=np.float16)),
    "lit-bert-heads": ("open_clip", dict(image={**IMAGE, "pool_type": "tok"}, text=dict(config="base"), text_model=BERT, out_dim=18), dict(dtype=np.float16, prefix="opt/target/", pre_linen=True)),
    "bert-no-head": ("open_clip", dict(image={**IMAGE, "pool_type": "gap"}, text=dict(config="base"), text_model=BERT, out_dim=(128, None), bias_init=-4.0), dict(dtype=np.float16)),
    "text-map": ("open_clip", dict(image={**IMAGE, "pool_type": "map"}, text={**TEXT, "pool_type": "map"}, out_dim=(None, 20), bias_init=-4.0), {}),
    "text-map-no-head": ("open_clip", dict(image={**IMAGE, "pool_type": "gap"}, text={**TEXT, "pool_type": "map", "scan": True}, out_dim=(None, 0)), dict(dtype=jnp.bfloat16)),
    "sincos2d": ("open_clip", dict(image={**IMAGE, "posemb": "sincos2d", "pool_type": "tok"}, text=TEXT, out_dim=(None, 20)), {}),
    "sincos2d-map": ("siglip", dict(image={**IMAGE, "posemb": "sincos2d", "pool_type": "map"}, text=TEXT, out_dim=(None, 20), bias_init=-10.0), {}),
}


def drawn(tree, rng):
    """Wide enough that a forgotten term shows."""

    def draw(name, value):
        if name[-1] == "t":
            return np.full(value.shape, 1.5, np.float32)
        if name[-1] == "b":
            return np.full(value.shape, -3.0, np.float32)
        noise = rng.standard_normal(value.shape).astype(np.float32)
        if name[-1] == "scale":
            return 1 + 0.3 * noise
        return noise * (0.3 if name[-1] in ("bias", "pos_embedding", "cls", "probe", "embedding") else 1.2 * np.prod(value.shape[:-1]) ** -0.5)

    return {name: draw(name, value) for name, value in flatten_dict(tree).items()}


def nested(flat):
    tree = {}
    for name, value in flat.items():
        at = tree
        for part in name[:-1]:
            at = at.setdefault(part, {})
        at[name[-1]] = jnp.asarray(value)
    return tree


# Modules counted whatever their class, as before Flax's linen.
PRE_LINEN = {"MultiHeadDotProductAttention_0": "MultiHeadDotProductAttention_1", "LayerNorm_1": "LayerNorm_2", "MlpBlock_0": "MlpBlock_3"}


def stored(flat, dtype=None, prefix="", old=False, pre_linen=False):
    """Values as the file has them, and as they are when read again."""
    kept = {"/".join(name): value if dtype is None or name[-1] in ("t", "b") else np.asarray(jnp.asarray(value).astype(dtype)) for name, value in flat.items()}
    if old:
        # Before 2022: positions with the class token's before them, in the encoder.
        kept["img/Transformer/pos_embedding"] = np.concatenate([np.full_like(kept["img/cls"], 0.25), kept.pop("img/pos_embedding")], 1)
        kept["img/cls"] = kept["img/cls"] - 0.25
        kept["txt/Encoder_0/pos_embedding"] = np.full_like(kept["txt/pos_embedding"], 0.125)
        kept["txt/pos_embedding"] = kept["txt/pos_embedding"] - 0.125
    if pre_linen:
        former = {"/".join(PRE_LINEN.get(part, part) for part in name.split("/")): value for name, value in kept.items()}
        again = flatten_dict(flax.training.checkpoints.convert_pre_linen(nested({tuple(name.split("/")): value for name, value in former.items()})))
        assert {"/".join(name) for name in again} == set(kept) != set(former)
        kept = former
    written = {prefix + name: value for name, value in kept.items()}
    if prefix:
        written["opt/0/count"] = np.zeros((), np.int32)
    return written


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    rng = np.random.default_rng(7)
    for name, (family, options, form) in CASES.items():
        folder = ROOT / name
        folder.mkdir(parents=True)
        model = two_towers.Model(**options)
        pixels = rng.standard_normal((3, 24, 24, 3)).astype(np.float32)
        ids = rng.integers(0, 60, (4, LENGTH)).astype(np.int32)
        if "bert" in name:
            # Its padding is masked.
            ids = np.where(np.arange(LENGTH) < np.array([[LENGTH], [4], [7], [1]]), np.maximum(ids, 1), 0).astype(np.int32)
        params = drawn(model.init(jax.random.PRNGKey(0), pixels, ids)["params"], rng)
        file = stored(params, **form)
        np.savez(folder / "checkpoint.npz", **file)
        if form.get("dtype") is not None:
            params = {k: np.asarray(jnp.asarray(v).astype(form["dtype"]).astype(jnp.float32)) if k[-1] not in ("t", "b") else v for k, v in params.items()}
        with jax.default_matmul_precision("float32"):
            image, text, out = model.apply({"params": nested(params)}, pixels, ids)
        logits = np.asarray(image) @ np.asarray(text).T * np.asarray(out["t"]) + np.asarray(out.get("b", np.zeros(1)))
        values = dict(image_embeds=np.asarray(image), text_embeds=np.asarray(text), logits_per_image=logits.astype(np.float32), logits_per_text=logits.T.astype(np.float32))
        from safetensors.numpy import save_file

        save_file({"pixel_values": np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), "input_ids": ids.astype(np.int64)}, folder / "inputs.safetensors")
        save_file({k: np.ascontiguousarray(v) for k, v in values.items()}, folder / "expected.safetensors")
        (folder / "family.json").write_text(json.dumps({"family": family, **({"options": {"vision": {"imageSize": 24}}} if "sincos2d" in name else {})}) + "\n")
        print(name, family, {k: v.shape for k, v in values.items()}, len(file))


main()
