"""Checks what our exportOnnx wrote against PyTorch: onnx.checker, then ONNX Runtime over several batches and lengths.

    python tools/reference/check_export.py <checkpoint> <folder of vision.onnx and text.onnx>

Prints the largest difference of each output from PyTorch's, and fails above 2e-6.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import load_file
from transformers import VisionTextDualEncoderModel, logging

LIMIT = 2e-6
logging.set_verbosity_error()
checkpoint, exported = Path(sys.argv[1]), Path(sys.argv[2])
model = VisionTextDualEncoderModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
inputs = load_file(checkpoint / "inputs.safetensors")
ids = inputs["input_ids"]
padding = model.config.text_config.pad_token_id or 0


def positions(ids):
    if model.config.text_config.model_type == "bert":
        return torch.arange(ids.shape[1]).expand_as(ids)
    kept = ids.ne(padding).long()
    return kept.cumsum(1) * kept + padding


def session(name):
    path = exported / f"{name}.onnx"
    onnx.checker.check_model(path, full_check=True)
    return onnxruntime.InferenceSession(path)


def difference(name, given, expected):
    feeds = {key.name: given[key.name].numpy() for key in runs[name].get_inputs()}
    (embeds,) = runs[name].run(["embeds"], feeds)
    return float(np.abs(embeds - expected.numpy()).max())


runs = {name: session(name) for name in ("vision", "text")}
found = {"vision": 0.0, "text": 0.0}
with torch.inference_mode():
    for rows, length in ((len(ids), ids.shape[1]), (1, ids.shape[1]), (2, 3)):
        text = {"input_ids": ids[:rows, :length], "attention_mask": torch.ones_like(ids[:rows, :length])}
        if length == ids.shape[1] and "attention_mask" in inputs:
            text["attention_mask"] = inputs["attention_mask"][:rows]
        pixels = inputs["pixel_values"][:rows]
        output = model(pixel_values=pixels, **text)
        text |= {"token_type_ids": torch.zeros_like(text["input_ids"]), "position_ids": positions(text["input_ids"])}
        found["vision"] = max(found["vision"], difference("vision", {"pixel_values": pixels}, output.image_embeds))
        found["text"] = max(found["text"], difference("text", text, output.text_embeds))
print(checkpoint.name, *(f"{name} {value:.1e}" for name, value in found.items()))
sys.exit(max(found.values()) > LIMIT)
