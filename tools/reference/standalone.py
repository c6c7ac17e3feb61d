"""Writes parity-tests/fixtures/standalone: lone models as people have them, and what PyTorch's base model makes of fixed inputs.

    python tools/reference/standalone.py

A model with a task head is saved whole; the outputs are its base model's. expected.safetensors holds the inputs too.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BeitForImageClassification,
    BertForPreTraining,
    BertForSequenceClassification,
    BertModel,
    ChineseCLIPConfig,
    ChineseCLIPModel,
    CLIPConfig,
    CLIPModel,
    RobertaForMaskedLM,
    SiglipConfig,
    SiglipModel,
    SiglipVisionModel,
    ViTForImageClassification,
    ViTForMaskedImageModeling,
    ViTModel,
)

from cases import beit, bert, chinese_clip, clip, roberta, siglip, vit
from towers import draw

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "standalone"
TOWER = dict(hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=32)
TEXT_HALF = dict(vocab_size=60, hidden_size=20, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24)

MODELS = {
    "vit": ViTModel(vit(**TOWER)),
    "vit-for-image-classification": ViTForImageClassification(vit(**TOWER, num_labels=5)),
    "beit-for-image-classification": BeitForImageClassification(beit(**TOWER, num_labels=5)),
    "bert": BertModel(bert(**TOWER)),
    "bert-for-sequence-classification": BertForSequenceClassification(bert(**TOWER)),
    "bert-for-pretraining": BertForPreTraining(bert(**TOWER)),
    "roberta-for-masked-lm": RobertaForMaskedLM(roberta(**TOWER)),
    "clip": CLIPModel(CLIPConfig(vision_config=clip(**TOWER).to_dict(), text_config=TEXT_HALF, projection_dim=16)),
    "siglip": SiglipModel(SiglipConfig(vision_config=siglip(**TOWER).to_dict(), text_config={**TEXT_HALF, "projection_size": 24})),
    "chinese-clip": ChineseCLIPModel(
        ChineseCLIPConfig(vision_config=chinese_clip(**TOWER).to_dict(), text_config=TEXT_HALF, projection_dim=16)
    ),
    "vit-for-masked-image-modeling": ViTForMaskedImageModeling(vit(**TOWER, encoder_stride=6)),
    "vit-pooler-size": ViTModel(vit(**TOWER, pooler_output_size=10)),
    "siglip-without-head": SiglipVisionModel(siglip(**TOWER, vision_use_head=False)),
}


def base_of(model):
    return model.vision_model if hasattr(model, "vision_model") else model.base_model


def inputs_of(base, generator):
    if "input_ids" not in base.forward.__annotations__:
        return {"pixel_values": torch.randn((2, 3, 24, 24), generator=generator)}
    ids = torch.randint(5, base.config.vocab_size, (3, 7), generator=generator)
    mask = torch.ones_like(ids)
    ids[1, 4:], mask[1, 4:] = base.config.pad_token_id, 0
    return {"input_ids": ids, "attention_mask": mask}


def old_names(file, name):
    """BERT as bert-base-uncased is stored, CLIP as older libraries saved it."""
    tensors = load_file(file)
    if name == "bert-for-pretraining":
        tensors = {
            key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
            for key, value in tensors.items()
        }
    if name == "clip":
        tensors["vision_model.embeddings.position_ids"] = torch.arange(17).reshape(1, -1)
        tensors["text_model.embeddings.position_ids"] = torch.arange(77).reshape(1, -1)
    save_file(tensors, file, metadata={"format": "pt"})


def write(index, name, model):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(100 + index)
    draw(model, generator)
    model.eval().save_pretrained(folder)
    old_names(folder / "model.safetensors", name)
    base = base_of(model)
    inputs = inputs_of(base, generator)
    with torch.inference_mode():
        output = base(**inputs)
    values = {**inputs, "last_hidden_state": output.last_hidden_state}
    if output.pooler_output is not None:
        values["pooler_output"] = output.pooler_output
    save_file({key: value.clone().contiguous() for key, value in values.items()}, folder / "expected.safetensors")


if __name__ == "__main__":
    for index, (name, model) in enumerate(MODELS.items()):
        write(index, name, model)
