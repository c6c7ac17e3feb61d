"""Writes parity-tests/fixtures/training-steps/lit.json: twenty steps of LiT on cut towers in PyTorch, float64 and float32.

    python tools/reference/lit_steps.py

The pair towers/dinov2-bert, lower layers locked: what they give is computed once, in float32, and kept as float16; the
upper layer of both towers, what stands above it, the projections and the logit scale are trained, half of the patches are
left out, the rate is a cosine behind a warm-up, AdamW's decay spares what has fewer than two dimensions. Batches and kept
patches are those of our trainer: both follow from the seed by the random numbers below (packages/train/src/random.ts).
`losses` and `errors`: what each step's loss is, and how far PyTorch's own float32 is off; by what the layers begin with.
"""

import json
import math

import torch
from safetensors.torch import load_file

from cases import CASES
from tower_gradients import ROOT, tower_model

NAME, SAMPLES, BATCH, STEPS, WARMUP, END = "dinov2-bert", 20, 8, 20, 4, 0.1
LENGTH, IMAGE, PATCHES, KEPT, GOLDEN, MASK = 8, 24, 16, 8, 0x9E3779B9, 0xFFFFFFFF
ADAMW = dict(lr=2e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.1)
TEXT_RATE = 0.5


def scramble(z):
    z &= MASK
    z = (z ^ (z >> 16)) * 0x21F0AAAD & MASK
    z = (z ^ (z >> 15)) * 0x735A2D97 & MASK
    return z ^ (z >> 15)


class Random:
    def __init__(self, *parts):
        self.stream, self.drawn = GOLDEN, 0
        for part in parts:
            self.stream = scramble(self.stream ^ (scramble(part + GOLDEN) * GOLDEN & MASK))

    def below(self, count):
        self.drawn += 1
        return scramble(self.stream + self.drawn * GOLDEN) * count >> 32


def batches():
    """(epoch, samples) of each step."""
    epoch = 0
    while True:
        random, order = Random(0, epoch), list(range(SAMPLES))
        for i in range(SAMPLES - 1, 0, -1):
            j = random.below(i + 1)
            order[i], order[j] = order[j], order[i]
        for at in range(0, SAMPLES - BATCH + 1, BATCH):
            yield epoch, order[at : at + BATCH]
        epoch += 1


def kept(epoch, sample):
    """Tokens that stay: the class, and some of the patches."""
    random, order = Random(0, epoch, sample, 11), list(range(1, PATCHES + 1))
    for i in range(KEPT):
        j = i + random.below(PATCHES - i)
        order[i], order[j] = order[j], order[i]
    return [0, *sorted(order[:KEPT])]


def inputs():
    """Numbers that both sides make: pictures [N, 3, H, W] of values in [-1, 1], texts of three to eight tokens."""
    values = torch.arange(3 * IMAGE * IMAGE)
    pixels = torch.stack([(n * 37 + values * (n % 7 + 1)) % 256 for n in range(SAMPLES)]) / 127.5 - 1
    ids = torch.tensor([[2 + (n * 13 + i * 29) % 90 for i in range(LENGTH)] for n in range(SAMPLES)])
    mask = torch.tensor([[int(i < 3 + n % 6) for i in range(LENGTH)] for n in range(SAMPLES)])
    return pixels.reshape(SAMPLES, 3, IMAGE, IMAGE), ids * mask, mask


def hidden_after(call, layer):
    """What a layer gives while `call` runs."""
    found = []
    hook = layer.register_forward_hook(lambda _, __, output: found.append(output[0] if isinstance(output, tuple) else output))
    with torch.no_grad():
        call()
    hook.remove()
    return found[0]


def train(dtype, is_half):
    index = next(i for i, case in enumerate(CASES) if case["name"] == NAME)
    model = tower_model(CASES[index], index).eval()
    for key, value in load_file(ROOT / "towers" / NAME / "model.safetensors").items():
        own = model.state_dict()[key] if key in model.state_dict() else value
        assert torch.equal(own, value), f"{key} is drawn as another"
    vision, text = model.vision_model, model.text_model
    layers = next(m for m in vision.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == 2)
    pixels, ids, mask = inputs()
    if not is_half:
        model = model.to(dtype)
        pixels = pixels.to(dtype)
    # Of pictures that no cache holds the patches are left out below the first layer.
    below = hidden_after(lambda: vision(pixels), layers[0] if is_half else vision.embeddings)
    below_text = hidden_after(lambda: text(ids, attention_mask=mask), text.encoder.layer[0])
    if is_half:
        below, below_text = below.half(), below_text.half()
    model, below, below_text = model.to(dtype), below.to(dtype), below_text.to(dtype)
    of_text = [*text.encoder.layer[1].parameters(), *text.pooler.parameters()]
    others = [*layers[1].parameters(), *vision.layernorm.parameters(), *model.visual_projection.parameters(), *model.text_projection.parameters(), model.logit_scale]
    groups = [
        {"params": [p for p in some if (p.ndim >= 2) == decays], "weight_decay": ADAMW["weight_decay"] if decays else 0.0, "share": share}
        for some, share in ((of_text, TEXT_RATE), (others, 1.0))
        for decays in (True, False)
    ]
    optimizer = torch.optim.AdamW(groups, **ADAMW)
    losses = []
    for step, (epoch, rows) in zip(range(STEPS), batches()):
        after = step - WARMUP
        rate = (step + 1) / WARMUP if after < 0 else END + (1 - END) * (1 + math.cos(math.pi * after / (STEPS - WARMUP))) / 2
        for group in optimizer.param_groups:
            group["lr"] = ADAMW["lr"] * rate * group["share"]
        image = torch.stack([below[row, kept(epoch, row)] for row in rows])
        for layer in layers[1:] if is_half else layers:
            image = layer(image)
            image = image[0] if isinstance(image, tuple) else image
        image = vision.layernorm(image)[:, 0]
        padding = torch.zeros(BATCH, 1, 1, LENGTH, dtype=dtype).masked_fill(mask[rows][:, None, None] == 0, torch.finfo(dtype).min)
        words = text.encoder.layer[1](below_text[rows], padding)
        words = text.pooler(words[0] if isinstance(words, tuple) else words)
        image, words = (torch.nn.functional.normalize(x, dim=-1) for x in (model.visual_projection(image), model.text_projection(words)))
        logits, target = model.logit_scale.exp() * words @ image.T, torch.arange(BATCH)
        loss = (torch.nn.functional.cross_entropy(logits, target) + torch.nn.functional.cross_entropy(logits.T, target)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in of_text + others if p.requires_grad], 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        losses.append(loss.item())
    return losses


def main():
    found = {}
    for name, is_half in (("cached", True), ("whole", False)):
        double, single = train(torch.float64, is_half), train(torch.float32, is_half)
        errors = [abs(a - b) for a, b in zip(double, single)]
        found[name] = {"losses": double, "errors": errors}
        print(name, [round(loss, 4) for loss in double], "float32 is off by", max(errors))
    settings = {"samples": SAMPLES, "batch": BATCH, "warmup": WARMUP, "end": END, "textRate": TEXT_RATE, "adamw": ADAMW}
    (ROOT / "training-steps" / "lit.json").write_text(json.dumps({**settings, **found}) + "\n")


if __name__ == "__main__":
    main()
