"""Writes parity-tests/fixtures/training-losses: losses with positives, weights, hard negatives and Matryoshka sizes.

    python tools/reference/training_losses.py

`<case>.<input>`: text_embeds, image_embeds, logit_scale, logit_bias, positives, weights, hard_negatives, teacher, where the
case has them; `<case>.<loss>` and `<case>.<loss>.grad.<input>`. Written with PyTorch's own `cross_entropy` (class
probabilities as targets), `binary_cross_entropy_with_logits` and `mse_loss`, in float64.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "training-losses"
SIZES, SIZE_WEIGHTS = [4, 10], [0.5, 1.0]


def unit(x):
    return F.normalize(x, dim=-1)


def averaged(rows, weights):
    return rows.mean() if weights is None else (rows * weights).sum() / weights.sum()


def hard_logits(image_embeds, hard_negatives, logit_scale):
    return torch.einsum("nd,nkd->nk", image_embeds, hard_negatives) * logit_scale.exp()


def clip(text_embeds, image_embeds, logit_scale, positives, weights=None, hard_negatives=None, **_):
    logits = text_embeds @ image_embeds.t() * logit_scale.exp()
    targets = positives / positives.sum(1, keepdim=True)
    per_text = F.cross_entropy(logits, targets, reduction="none")
    logits, targets_of_images = logits.t(), targets
    if hard_negatives is not None:
        logits = torch.cat([logits, hard_logits(image_embeds, hard_negatives, logit_scale)], 1)
        targets_of_images = F.pad(targets, (0, hard_negatives.shape[1]))
    per_image = F.cross_entropy(logits, targets_of_images, reduction="none")
    return averaged((per_text + per_image) / 2, weights)


def siglip(text_embeds, image_embeds, logit_scale, positives, logit_bias=0.0, weights=None, hard_negatives=None, **_):
    logits = text_embeds @ image_embeds.t() * logit_scale.exp() + logit_bias
    rows = F.binary_cross_entropy_with_logits(logits, positives, reduction="none").sum(1)
    if hard_negatives is not None:
        hard = hard_logits(image_embeds, hard_negatives, logit_scale) + logit_bias
        rows = rows + F.binary_cross_entropy_with_logits(hard, torch.zeros_like(hard), reduction="none").sum(1)
    return averaged(rows, weights)


def distillation(text_embeds, teacher=None, weights=None, **_):
    return averaged(F.mse_loss(text_embeds, teacher, reduction="none").mean(1), weights)


def matryoshka(loss):
    def of(**batch):
        parts = []
        for size, weight in zip(SIZES, SIZE_WEIGHTS):
            cut = {key: unit(batch[key][..., :size]) for key in ("text_embeds", "image_embeds", "hard_negatives") if key in batch}
            parts.append(weight * loss(**{**batch, **cut}))
        return sum(parts)

    return of


LOSSES = {"clip": clip, "siglip": siglip, "matryoshka-clip": matryoshka(clip), "matryoshka-siglip": matryoshka(siglip)}
CONSTANTS = {"positives", "weights"}


def cases():
    generator = torch.Generator().manual_seed(11)
    randn = lambda *shape: torch.randn(shape, generator=generator)
    n, d = 6, 10
    texts = unit(randn(n, d))
    base = {"text_embeds": texts, "image_embeds": unit(texts + 0.5 * randn(n, d)), "logit_scale": torch.tensor(2.3), "logit_bias": torch.tensor(-3.0)}
    groups = torch.tensor([0, 1, 0, 2, 3, 1])
    grouped = (groups[:, None] == groups[None, :]).float()
    # Not transitive: a picture shared by two pairs, a caption by two of those and another.
    chain = torch.eye(n)
    chain[0, 1] = chain[1, 0] = chain[1, 2] = chain[2, 1] = 1
    weights = torch.tensor([1.0, 0.5, 2.0, 0.0, 1.5, 1.0])
    yield "diagonal", {**base, "positives": torch.eye(n)}
    yield "grouped", {**base, "positives": grouped}
    yield "weighted", {**base, "positives": chain, "weights": weights}
    yield "hard", {**base, "positives": grouped, "weights": weights, "hard_negatives": unit(randn(n, 3, d))}
    # Embeddings of a new model lie close together.
    near = unit(torch.ones(d) + 1e-3 * randn(n, d))
    yield "near", {**base, "text_embeds": near, "image_embeds": unit(near + 1e-3 * randn(n, d)), "positives": grouped}


def with_gradients(inputs, loss_of):
    leaves = {key: value.double().requires_grad_(key not in CONSTANTS) for key, value in inputs.items()}
    loss = loss_of(**leaves)
    loss.backward()
    return loss.detach().float(), {key: leaf.grad.float() for key, leaf in leaves.items() if leaf.grad is not None}


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    tensors = {}

    def add(case, inputs, losses):
        tensors.update({f"{case}.{key}": value for key, value in inputs.items()})
        for name, loss in losses.items():
            value, grads = with_gradients(inputs, loss)
            tensors[f"{case}.{name}"] = value
            tensors.update({f"{case}.{name}.grad.{key}": grad for key, grad in grads.items()})

    for case, inputs in cases():
        add(case, inputs, LOSSES)
    generator = torch.Generator().manual_seed(12)
    texts, teacher = (unit(torch.randn((4, 10), generator=generator)) for _ in range(2))
    add("teacher", {"text_embeds": texts, "teacher": teacher, "weights": torch.tensor([1.0, 2.0, 0.0, 1.0])}, {"distillation": distillation})
    save_file({key: value.clone().contiguous() for key, value in tensors.items()}, ROOT / "losses.safetensors")


if __name__ == "__main__":
    main()
