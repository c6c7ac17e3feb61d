"""Writes parity-tests/fixtures/optimizers: parameters after each of twelve steps, and clipped gradients.

    python tools/reference/optimizers.py

`grads.<name>` [12, ...] are the same for every case; `<case>.<name>` [13, ...] holds the parameter before the first step
and after each. AdamW and SGD are PyTorch's, Lion timm's. The learning rate of step k is `lr` / (1 + k); `matrix` decays,
`vector` does not and has `factor` times the rate.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from timm.optim import Lion

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "optimizers"
STEPS = 12
FACTOR = 0.25
CASES = {
    "adamw": {"name": "adamw", "lr": 1e-2},
    "adamw-clip": {"name": "adamw", "lr": 5e-2, "betas": [0.9, 0.98], "eps": 1e-6, "weight_decay": 0.2},
    "lion": {"name": "lion", "lr": 1e-2, "weight_decay": 0.3},
    "sgd": {"name": "sgd", "lr": 1e-1, "momentum": 0.9},
    "sgd-nesterov": {"name": "sgd", "lr": 1e-1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
}
CLASSES = {"adamw": torch.optim.AdamW, "lion": Lion, "sgd": torch.optim.SGD}


def run(case, start, grads):
    options = {key: value for key, value in case.items() if key not in ("name", "lr")}
    if case["name"] != "sgd":
        options.setdefault("weight_decay", 0.01)
    params = {name: value.clone().requires_grad_() for name, value in start.items()}
    groups = [
        {"params": [params["matrix"]]},
        {"params": [params["vector"]], "weight_decay": 0.0},
    ]
    optimizer = CLASSES[case["name"]](groups, lr=case["lr"], **options)
    seen = {name: [value.detach().clone()] for name, value in params.items()}
    for step in range(STEPS):
        for name, param in params.items():
            param.grad = grads[name][step].clone()
        for group, factor in zip(optimizer.param_groups, (1, FACTOR)):
            group["lr"] = case["lr"] / (1 + step) * factor
        optimizer.step()
        for name, param in params.items():
            seen[name].append(param.detach().clone())
    return {name: torch.stack(values) for name, values in seen.items()}


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    generator = torch.Generator().manual_seed(3)
    randn = lambda *shape: torch.randn(shape, generator=generator)
    start = {"matrix": randn(5, 4), "vector": randn(4)}
    # Small ones too, and one that stays zero: eps has to be where PyTorch has it.
    size = 10 ** (6 * torch.rand(5, 4, generator=generator) - 6)
    grads = {"matrix": randn(STEPS, 5, 4) * size, "vector": randn(STEPS, 4)}
    grads["matrix"][:, 0, 0] = 0
    tensors = {f"grads.{name}": value for name, value in grads.items()}
    for name, case in CASES.items():
        tensors |= {f"{name}.{key}": value for key, value in run(case, start, grads).items()}
    for limit in (0.5, 100.0):
        leaves = [value.clone().requires_grad_() for value in start.values()]
        for leaf, grad in zip(leaves, grads.values()):
            leaf.grad = grad[0].clone()
        norm = torch.nn.utils.clip_grad_norm_(leaves, limit)
        tensors[f"clip.{limit:g}.norm"] = norm
        tensors |= {f"clip.{limit:g}.{name}": leaf.grad for name, leaf in zip(start, leaves)}
    save_file({key: value.contiguous() for key, value in tensors.items()}, ROOT / "optimizers.safetensors")
    (ROOT / "cases.json").write_text(json.dumps({"factor": FACTOR, "cases": CASES}, indent=1) + "\n")


if __name__ == "__main__":
    main()
