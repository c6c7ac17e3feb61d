"""Writes parity-tests/fixtures/training-steps: twenty steps of PyTorch's AdamW in float64 on models of towers and families.

    python tools/reference/training_steps.py [case ...]

Evaluation mode, the images with three of the texts (`texts`), gradients together no longer than 1, no decay of what has
fewer than two dimensions. `losses` and `norms` [2, 20]: those of each step, and how far PyTorch's own float32 is off. For
each parameter, by its name in the checkpoint, after each of STEPS: its norm, how far (a norm too) float32 is off, how far
it has moved, and up to 64 of its values, each `stride`-th.
"""

import json
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

import families
import towers
from cases import CASES
from text_cases import TEXT_CASES
from tower_gradients import ROOT, TEXTS, family_model, gradients, rows_of, tensors_of, tower_model
from vision_cases import VISION_CASES

NAMES = {"towers": ["swin", "convnext", "deberta", "vit-bert"], "families": ["siglip", "clip"]}
STEPS, VALUES = [1, 2, 5, 10, 20], 64
ADAMW = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)


def train(make, loss_of, inputs, texts, dtype):
    """Losses, norms of gradients, and the checkpoint after each of STEPS."""
    model = make().to(dtype).eval()
    batch = rows_of(inputs, texts, dtype)
    params = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in params if p.ndim >= 2]}, {"params": [p for p in params if p.ndim < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, **ADAMW)
    seen, kept = [], {}
    for step in range(1, STEPS[-1] + 1):
        loss = loss_of(model, batch)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        seen.append((loss.item(), norm.item()))
        if step in STEPS:
            kept[step] = tensors_of(model)
    return torch.tensor(seen, dtype=torch.float64).T, kept


def summary(start, double, single):
    flat = double.flatten().double()
    error = (single.flatten().double() - flat).norm()
    moved = (start.flatten().double() - flat).norm()
    return torch.cat([torch.stack([flat.norm(), error, moved]), flat[:: -(-len(flat) // VALUES)]]).float()


def write(group, name, make, loss_of):
    inputs = load_file(ROOT / group / name / "inputs.safetensors")
    start = tensors_of(make())
    for key, value in load_file(ROOT / group / name / "model.safetensors").items():
        assert key not in start or torch.equal(start[key], value), f"{name}: {key} is drawn as another"
    left = [[i for i in range(TEXTS) if i != out] for out in range(TEXTS)]
    of_scale = lambda texts: gradients(make().eval(), loss_of, inputs, texts, torch.float64)[1]["logit_scale"].abs().item()
    texts = max(left, key=of_scale)
    (single_seen, single), (seen, double) = (train(make, loss_of, inputs, texts, t) for t in (torch.float32, torch.float64))
    buffers = tuple(n.rsplit(".", 1)[-1] for n, _ in make().named_buffers())
    names = [k for k in start if k.rsplit(".", 1)[-1] not in buffers]
    tensors = {k: torch.stack([summary(start[k], double[s][k], single[s][k]) for s in STEPS]) for k in names}
    for i, key in enumerate(("losses", "norms")):
        tensors[key] = torch.stack([seen[i], (single_seen[i] - seen[i]).abs()]).float()
    tensors["texts"] = torch.tensor(texts, dtype=torch.int32)
    folder = ROOT / "training-steps" / group
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / f"{name}.safetensors")
    print(name, len(names), "losses", [round(x, 4) for x in seen[0].tolist()[::5]], "float32 is off by", (single_seen[0] - seen[0]).abs().max().item())


def main():
    chosen = lambda name: len(sys.argv) < 2 or name in sys.argv[1:]
    if len(sys.argv) < 2:
        shutil.rmtree(ROOT / "training-steps", ignore_errors=True)
    for index, case in enumerate(CASES + TEXT_CASES + VISION_CASES):
        if case["name"] in NAMES["towers"] and chosen(case["name"]):
            loss_of = lambda model, inputs: towers.outputs_of(case, model, inputs, case["interpolate"])["loss"].sum()
            write("towers", case["name"], lambda: tower_model(case, index), loss_of)
    for index, (name, case) in enumerate(families.CASES.items()):
        if name in NAMES["families"] and chosen(name):
            write("families", name, lambda: family_model(case, index), lambda model, inputs: model(**inputs, return_loss=True).loss)
    (ROOT / "training-steps" / "steps.json").write_text(json.dumps({"steps": STEPS, "adamw": ADAMW}) + "\n")


if __name__ == "__main__":
    main()
