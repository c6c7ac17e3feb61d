"""Writes parity-tests/fixtures/gradients/{towers,families,open-clip}: gradients of PyTorch in float64, of every tower and family.

    python tools/reference/tower_gradients.py [case ...]

Of each tower the last case (by name) that has it in float32, of families each: the gradient of the loss (CLIP's; a family's own) of
the images with three of the texts (`texts`) with respect to every parameter, in evaluation mode. For each parameter, by its name in the
checkpoint (open_clip's by ours): its gradient's norm, how far (a norm too) PyTorch's own float32 is off, and up to 256 of its values, each
`stride`-th.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import VisionTextDualEncoderConfig, VisionTextDualEncoderModel

import families
import open_clip_models
import towers
from cases import CASES
from text_cases import TEXT_CASES
from vision_cases import VISION_CASES

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures"
IMAGES, TEXTS, VALUES = 3, 4, 256

softmax = torch.nn.functional.softmax


def exact_softmax(x, dim=-1, dtype=None, **kw):
    """Attention asks for float32, in a model of float64 too."""
    return softmax(x, dim=dim, dtype=None if x.dtype == torch.float64 else dtype)


torch.nn.functional.softmax = exact_softmax


def rows_of(inputs, texts, dtype):
    rows = {k: v if k == "pixel_values" else v[texts] for k, v in inputs.items()}
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in rows.items()}


def tensors_of(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(Path(folder))
        return load_file(f"{folder}/model.safetensors")


# open_clip's names and ours, in this order.
OPEN_CLIP_NAMES = [
    (r"^visual\.(proj)$", "visual_projection.weight"),
    (r"^(text\.)?text_projection$", "text_projection.weight"),
    (r"^visual\.", "vision_model."),
    (r"^(text\.)?(?=transformer|token_embedding|positional|cls_emb|ln_final)", "text_model."),
    (r"transformer\.resblocks", "encoder.layers"),
    (r"(?<!attn_pool)\.attn\.", ".self_attn."),
    (r"\.ln_(\d)\.", r".layer_norm\1."),
    (r"mlp\.c_fc", "mlp.fc1"),
    (r"mlp\.c_proj", "mlp.fc2"),
    (r"(?<=model\.)token_embedding", "embeddings.token_embedding"),
    (r"(?<=model\.)positional_embedding", "embeddings.position_embedding.weight"),
    (r"(?<=model\.)class_embedding|cls_emb", "embeddings.class_embedding"),
    (r"conv1", "embeddings.patch_embedding"),
    (r"ln_pre", "pre_layrnorm"),
    (r"ln_post", "post_layernorm"),
    (r"ln_final", "final_layer_norm"),
]


def open_clip_tensors(model):
    """By our names: both projections are turned, and what open_clip packs is apart."""
    found = {}
    for name, p in model.named_parameters():
        if name.startswith("text_decoder."):
            continue
        value = p.detach().clone()
        ours = name
        for theirs, to in OPEN_CLIP_NAMES:
            ours = re.sub(theirs, to, ours)
        if ours.endswith("_projection.weight"):
            value = value.T
        packed = re.match(r"(.*self_attn)\.in_proj_(weight|bias)$", ours)
        if packed:
            for part, rows in zip("qkv", value.chunk(3)):
                found[f"{packed[1]}.{part}_proj.{packed[2]}"] = rows.contiguous()
        else:
            found[ours] = value.contiguous()
    return found


def gradients(model, loss_of, inputs, texts, dtype, tensors_of):
    """By the names of the checkpoint: they are saved in place of the weights."""
    model = model.to(dtype)
    loss = loss_of(model, rows_of(inputs, texts, dtype))
    model.zero_grad()
    loss.backward()
    kept = {name: p.detach().clone() for name, p in model.named_parameters()}
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.zeros_like(p) if p.grad is None else p.grad)
        found = tensors_of(model)
        for name, p in model.named_parameters():
            p.copy_(kept[name])
    return loss.item(), found


def summary(double, single):
    flat = double.flatten().double()
    stride = -(-len(flat) // VALUES)
    error = (single.flatten().double() - flat).norm()
    return torch.cat([torch.stack([flat.norm(), error]), flat[::stride]]).float()


def write(group, name, model, loss_of, tensors_of=tensors_of):
    model = model.eval()
    inputs = load_file(ROOT / group / name / "inputs.safetensors")
    buffers = {n for n, _ in model.named_buffers()}
    weights = tensors_of(model)
    file = ROOT / group / name / "model.safetensors"
    stored = load_file(file) if file.exists() else {}
    # Tables of sines that Python does not train.
    fixed = {n.split(".", 1)[-1] for n, p in model.named_parameters() if not p.requires_grad}
    for key, value in weights.items():
        if key in stored:
            assert torch.equal(stored[key].float(), value), f"{name}: {key} is drawn as another"
    # The texts with which the terms of the logit scale's gradient cancel least: float32 is too short for it with others.
    left = [[i for i in range(TEXTS) if i != out] for out in range(TEXTS)]
    of_scale = lambda texts: gradients(model, loss_of, inputs, texts, torch.float64, tensors_of)[1]["logit_scale"].abs().item()
    texts = max(left, key=of_scale)
    (_, single), (loss, double) = (gradients(model, loss_of, inputs, texts, t, tensors_of) for t in (torch.float32, torch.float64))
    ends = tuple(n.rsplit(".", 1)[-1] for n in buffers)
    kept = {k: summary(v, single[k]) for k, v in double.items() if k.rsplit(".", 1)[-1] not in ends and not k.endswith(tuple(fixed) or "-")}
    folder = ROOT / "gradients" / group
    folder.mkdir(parents=True, exist_ok=True)
    save_file({**kept, "loss": torch.tensor([loss]).float(), "texts": torch.tensor(texts, dtype=torch.int32)}, folder / f"{name}.safetensors")
    largest = max(v[0].item() for v in kept.values())
    print(name, len(kept), "loss", round(loss, 4), "largest", largest, "worst", max((v[1] / max(v[0].item(), 1e-2 * largest)).item() for v in kept.values()))


def tower_cases():
    last = {}
    for case in sorted([(c, i) for i, c in enumerate(CASES + TEXT_CASES + VISION_CASES) if not c.get("stored")], key=lambda each: each[0]["name"]):
        for side in ("vision", "text"):
            last[case[0][side].model_type] = case
    return {case["name"]: (case, index) for case, index in last.values()}


def tower_model(case, index):
    if case.get("pair"):
        model = towers.Pair(case).eval()
    else:
        config = VisionTextDualEncoderConfig.from_vision_text_configs(case["vision"], case["text"], projection_dim=32)
        config._attn_implementation = "eager"
        model = VisionTextDualEncoderModel(config).eval()
        model.set_attn_implementation("eager")
    towers.draw(model, torch.Generator().manual_seed(case.get("seed", 1000 + index)))
    return model


def family_model(case, index):
    config = getattr(transformers, f"{case['kind']}Config")(text_config=case["text"], vision_config=case["vision"], **case["top"])
    model = getattr(transformers, f"{case['kind']}Model")(config).eval()
    model.set_attn_implementation("eager")
    towers.draw(model, torch.Generator().manual_seed(3000 + index))
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        if hasattr(model, "logit_bias"):
            model.logit_bias.fill_(-3.0)
    return model


# The towers that are open_clip's own.
OPEN_CLIP = ("coca", "no-ln-pre")


def open_clip_model(name):
    """As its fixture has it."""
    folder = ROOT / "open-clip" / name
    model = open_clip_models.model_of(open_clip_models.CASES[name][2])
    file = folder / "open_clip_model.safetensors"
    model.load_state_dict(load_file(file) if file.exists() else torch.load(folder / "open_clip_pytorch_model.bin"))
    return model


def open_clip_loss(model, inputs):
    image, text = model.encode_image(inputs["pixel_values"], normalize=True), model.encode_text(inputs["input_ids"], normalize=True)
    logits, rows = model.logit_scale.exp() * image @ text.T, torch.arange(len(image))
    return (torch.nn.functional.cross_entropy(logits, rows) + torch.nn.functional.cross_entropy(logits.T, rows)) / 2


def main():
    chosen = lambda name: len(sys.argv) < 2 or name in sys.argv[1:]
    for name, (case, index) in tower_cases().items():
        if chosen(name):
            write("towers", name, tower_model(case, index), lambda model, inputs: towers.outputs_of(case, model, inputs, case["interpolate"])["loss"].sum())
    for index, (name, case) in enumerate(families.CASES.items()):
        if chosen(name) and not name.endswith("-options"):
            write("families", name, family_model(case, index), lambda model, inputs: model(**inputs, return_loss=True).loss)
    for name in OPEN_CLIP:
        if chosen(name):
            write("open-clip", name, open_clip_model(name), open_clip_loss, open_clip_tensors)


if __name__ == "__main__":
    main()
