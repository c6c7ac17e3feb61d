"""Writes parity-tests/fixtures/gradients: gradients and training losses of PyTorch on models of fixtures/towers.

    python tools/reference/gradients.py

For each case, in evaluation mode: the inputs, the gradient of the contrastive loss with respect to every parameter,
under the names of the checkpoint, and the losses of five AdamW steps. The images go with the last texts: with the
first, the terms of CLIP's logit-scale gradient cancel to 1/250 of their size, which float32 is too short for.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import VisionTextDualEncoderModel

FIXTURES = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures"
CASES = ["vit-bert", "beit-roberta", "clip-bert"]
IMAGES, STEPS = 3, 5
ADAMW = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)


def load(name, dtype=torch.float32):
    model = VisionTextDualEncoderModel.from_pretrained(FIXTURES / "towers" / name, attn_implementation="eager")
    return model.to(dtype).eval()


def inputs_of(name):
    inputs = load_file(FIXTURES / "towers" / name / "inputs.safetensors")
    return {k: v[:IMAGES] if k == "pixel_values" else v[-IMAGES:] for k, v in inputs.items()}


def loss_of(model, inputs):
    dtype = next(model.parameters()).dtype
    inputs = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    return model(**inputs, return_loss=True).loss


def gradients(name, inputs, dtype):
    """By checkpoint name, which is not the name in memory: they are saved in place of the weights."""
    model = load(name, dtype)
    loss_of(model, inputs).backward()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.zeros_like(p) if p.grad is None else p.grad)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(f"{folder}/model.safetensors")


def training(name, inputs):
    model = load(name)
    optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
    losses = []
    for _ in range(STEPS):
        loss = loss_of(model, inputs)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return [*losses, loss_of(model, inputs).item()]


def write(name):
    inputs = inputs_of(name)
    single, double = gradients(name, inputs, torch.float32), gradients(name, inputs, torch.float64)
    # Zero in exact arithmetic (the bias of the keys); attention is float32 even in a float64 model.
    zero = [k for k, v in double.items() if v.norm() < 1e-7]
    for key, value in single.items():
        error = (value.double() - double[key]).norm() / double[key].norm() if key not in zero else value.norm()
        assert error < 5e-6, f"{name}: float32 itself is off by {error} in {key}"
    folder = FIXTURES / "gradients" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file({k: v.clone().contiguous() for k, v in inputs.items()}, folder / "inputs.safetensors")
    save_file({k: v.clone().contiguous() for k, v in single.items()}, folder / "gradients.safetensors")
    record = dict(adamw={**ADAMW, "betas": list(ADAMW["betas"])}, losses=training(name, inputs), zero=sorted(zero))
    (folder / "case.json").write_text(json.dumps(record, indent=1) + "\n")
    print(name, len(single), "gradients,", len(zero), "of them zero; losses", [round(v, 6) for v in record["losses"]])


if __name__ == "__main__":
    for case in CASES:
        write(case)
