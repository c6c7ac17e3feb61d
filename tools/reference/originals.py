"""Small dual encoders as Flax and TensorFlow write them, with those frameworks' outputs.

    python tools/reference/originals.py parity-tests/fixtures/originals

Needs transformers 4.49, flax 0.7 and TensorFlow 2.15. Adds what the other checkpoints of that folder
do not have: DINOv2, absolute positions in BEiT, XLM-RoBERTa, CamemBERT, shards, bfloat16.
"""

import os
import shutil
import sys
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu")

import jax.numpy as jnp
import numpy as np
import tensorflow as tf
import transformers as tr
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import save_file

tr.logging.set_verbosity_error()
target = Path(sys.argv[1])
rng = np.random.default_rng(0)
DINOV2 = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=30, patch_size=6)
VISION = dict(DINOV2, intermediate_size=80)
TEXT = dict(vocab_size=120, hidden_size=40, num_hidden_layers=2, num_attention_heads=5, intermediate_size=96)
BERT = tr.BertConfig(**TEXT, max_position_embeddings=40)
ROBERTA = dict(TEXT, max_position_embeddings=40, type_vocab_size=1, pad_token_id=1)
SHARD = "100KB"


def inputs(padding: int) -> dict:
    ids = rng.integers(5, 120, (4, 9))
    mask = np.ones((4, 9), np.int64)
    for row, length in enumerate([9, 7, 5, 3]):
        ids[row, length:] = padding
        mask[row, length:] = 0
    pixels = rng.standard_normal((3, 3, 30, 30)).astype(np.float32)
    return dict(input_ids=ids, attention_mask=mask, token_type_ids=np.zeros_like(ids), pixel_values=pixels)


def record(folder: Path, given: dict, output, loss=None) -> None:
    save_file({name: np.ascontiguousarray(value) for name, value in given.items()}, folder / "inputs.safetensors")
    names = ("logits_per_image", "logits_per_text", "image_embeds", "text_embeds")
    expected = {name: output[name] for name in names} | {"vision_last_hidden_state": output.vision_model_output[0]}
    if loss is not None:
        expected["loss"] = loss
    expected = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in expected.items()}
    save_file(expected, folder / "expected.safetensors")


def noise(shape: tuple, gentle: bool) -> np.ndarray:
    return (0.03 if gentle else 0.1) * rng.standard_normal(shape).astype(np.float32)


def ints(given: dict) -> dict:
    return {name: value if name == "pixel_values" else value.astype(np.int32) for name, value in given.items()}


def config(vision, text):
    return tr.VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=32)


def flax(name: str, vision, text, bfloat16=False, **options) -> None:
    folder = target / name
    shutil.rmtree(folder, ignore_errors=True)
    model = tr.FlaxVisionTextDualEncoderModel(config(vision, text), input_shape=((1, 1), (1, 30, 30, 3)))
    params = {
        path: jnp.asarray(value + noise(np.shape(value), path[-1] in ("scale", "logit_scale")))
        for path, value in flatten_dict(model.params).items()
    }
    model.params = unflatten_dict(params)
    if bfloat16:
        model.params = model.to_bf16(model.params)
    model.save_pretrained(folder, **options)
    given = inputs(text.pad_token_id)
    record(folder, given, model(**ints(given)))


def tensorflow(name: str, vision, text, **options) -> None:
    folder = target / name
    shutil.rmtree(folder, ignore_errors=True)
    tf.keras.utils.set_random_seed(0)
    model = tr.TFVisionTextDualEncoderModel(config(vision, text))
    given = inputs(text.pad_token_id)
    tensors = {key: tf.constant(value) for key, value in ints(given).items()}
    model(**tensors)
    for weight in model.weights:
        weight.assign(weight.numpy() + noise(weight.shape, "gamma" in weight.name or "logit" in weight.name))
    model.save_pretrained(folder, **options)
    pairs = {key: value[:3] for key, value in tensors.items()}
    record(folder, given, model(**tensors), model(**pairs, return_loss=True).loss)


flax("flax-dinov2-xlmr", tr.Dinov2Config(**DINOV2, mlp_ratio=2, layerscale_value=0.7), tr.XLMRobertaConfig(**ROBERTA))
beit = dict(use_absolute_position_embeddings=True, use_shared_relative_position_bias=True, use_mask_token=True)
flax("flax-beit-bert-sharded", tr.BeitConfig(**VISION, **beit, use_mean_pooling=False), BERT, max_shard_size=SHARD)
flax("flax-vit-roberta-bf16", tr.ViTConfig(**VISION), tr.RobertaConfig(**ROBERTA), bfloat16=True)
tensorflow("tf-vit-camembert-sharded", tr.ViTConfig(**VISION), tr.CamembertConfig(**ROBERTA), max_shard_size=SHARD)
clip = tr.CLIPVisionConfig(**VISION)
tensorflow("tf-clip-bert-safetensors-sharded", clip, BERT, max_shard_size=SHARD, safe_serialization=True)
