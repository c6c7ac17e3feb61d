"""Writes parity-tests/fixtures/losses: activations over a grid, and both losses with their gradients.

    python tools/reference/losses.py

Everything is computed in float64 from float32 inputs and rounded once. activations.safetensors holds `x` and a tensor
for each name of `ACT2FN`; losses.safetensors holds, for each case, its inputs and under `clip.` and `siglip.` the loss
and its gradient with respect to each input. Cases `logits/*` start at the logits, `embeds/*` at normalised embeddings.
"""

import math
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers.activations import ACT2CLS, ACT2FN
from transformers.models.clip.modeling_clip import image_text_contrastive_loss

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "losses"
# Both learn parameters.
LEARNED = {"prelu", "xielu"}


def grid():
    edges = [0.0, 1e-30, 1e-8, 1e-4, 1.0, 3.0, 6.0, 10.0, 10.5, 20.0, 20.5, 50.0, 88.0, 90.0, 104.0, 1e3, 1e4]
    values = torch.cat([torch.tensor(edges), -torch.tensor(edges), torch.linspace(-18, 18, 145)])
    return values.unique()


def activations():
    x = grid()
    names = [name for name in ACT2CLS if name not in LEARNED]
    return {"x": x, **{name: ACT2FN[name](x.double()).float() for name in names}}


def siglip_loss(logits):
    """As `SiglipModel.forward` computes it."""
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype) - 1
    return -torch.nn.functional.logsigmoid(signs * logits).sum(-1).mean()


def with_gradients(inputs, logits_of):
    out = dict(inputs)
    for name, loss_of in (("clip", image_text_contrastive_loss), ("siglip", siglip_loss)):
        leaves = {key: value.double().requires_grad_() for key, value in inputs.items()}
        loss = loss_of(logits_of(**leaves))
        loss.backward()
        out[f"{name}.loss"] = loss.detach()
        out |= {f"{name}.grad.{key}": leaf.grad for key, leaf in leaves.items()}
    return {key: value.float().clone() for key, value in out.items()}


def embeds_logits(text_embeds, image_embeds, logit_scale):
    return text_embeds @ image_embeds.t() * logit_scale.exp()


def losses():
    generator = torch.Generator().manual_seed(7)
    randn = lambda *shape: torch.randn(shape, generator=generator)
    n, eye = 5, torch.eye(5)
    logits = {
        "plain": 3 * randn(n, n),
        "one": torch.tensor([[2.5]]),
        "zero": torch.zeros(n, n),
        "large": 100 * randn(n, n),
        "right": 2e4 * eye - 1e4,
        "wrong": 1e4 - 2e4 * eye,
        "all-large": torch.full((n, n), 1e4) + randn(n, n),
        "all-small": torch.full((n, n), -1e4) + randn(n, n),
        "wide": 1e4 * randn(16, 16),
    }
    unit = lambda x: torch.nn.functional.normalize(x, dim=-1)
    texts = unit(randn(6, 12))
    embeds = {
        "new": (texts, unit(randn(6, 12)), 2.6592),
        "trained": (texts, unit(texts + 0.2 * randn(6, 12)), math.log(100)),
        "one": (texts[:1], unit(randn(1, 12)), 2.6592),
    }
    cases = {f"logits/{name}": with_gradients({"logits": value}, lambda logits: logits) for name, value in logits.items()}
    for name, (text, image, scale) in embeds.items():
        inputs = {"text_embeds": text, "image_embeds": image, "logit_scale": torch.tensor(scale)}
        cases[f"embeds/{name}"] = with_gradients(inputs, embeds_logits)
    return {f"{case}/{key}": value for case, values in cases.items() for key, value in values.items()}


if __name__ == "__main__":
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    for name, tensors in (("activations", activations()), ("losses", losses())):
        assert all(value.isfinite().all() for value in tensors.values()), name
        save_file({key: value.contiguous() for key, value in tensors.items()}, ROOT / f"{name}.safetensors")
        print(name, len(tensors), "tensors")
