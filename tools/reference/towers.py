"""Writes parity-tests/fixtures/towers: small dual encoders and what PyTorch makes of fixed inputs.

    python tools/reference/towers.py [case ...]

Every weight is drawn wide, biases and norms included, so that attention is peaked and no term vanishes.
The loss is of the first n rows of both inputs, n the smaller batch. Towers that VisionTextDualEncoderModel does not take
(no pooler, no `hidden_size`) are paired as it pairs others, and pooled as the case says.
"""

import json
import math
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, SiglipTextModel, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

from cases import CASES
from text_cases import TEXT_CASES
from vision_cases import VISION_CASES

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "towers"
IMAGES, TEXTS, LENGTH = 3, 4, 9

# Names of what queries and keys are made of.
ATTENTION = ("q_proj", "k_proj", "query", "key", "in_proj", "q_lin", "k_lin", "attn.q.", "attn.k.", "Wqkv", "pos_proj")


def draw(model, generator):
    """New weights, wide enough that every one of them matters."""
    names = {name for name, _ in model.named_parameters()}
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if name == "logit_scale":
                p.fill_(2.0)
            elif name.endswith("logit_scale"):
                # Of cosine attention; where a stage has one block, a head beyond where it is cut off: float32 bears no more.
                p.copy_(1.2 + 0.4 * noise)
                if "layers.0." in name and name.replace("blocks.0", "blocks.1") not in names:
                    p[0] = 4.8
            elif ".grn." in name:
                p.copy_(0.5 * noise)
            elif p.ndim == 1 and any(part in name.lower() for part in ("norm", "_bn.")) and name.endswith("weight"):
                p.copy_(1 + 0.3 * noise)
            elif "lambda" in name:
                p.copy_(0.5 + 0.2 * noise)
            elif p.ndim == 1:
                p.copy_(0.2 * noise)
            elif "relative_position_bias_table" in name:
                p.copy_(1.0 * noise)
            elif any(part in name for part in ATTENTION):
                p.copy_(noise * (1.6 / p.shape[-1] ** 0.5))
            elif p.ndim == 2 and "embedding" not in name:
                p.copy_(noise * (1.0 / p.shape[-1] ** 0.5))
            elif p.ndim == 4:
                p.copy_(noise * (1.0 / (p.shape[1] * p.shape[2] * p.shape[3]) ** 0.5))
            else:
                p.copy_(0.6 * noise)
        for name, buffer in model.named_buffers():
            noise = torch.randn(buffer.shape, generator=generator)
            if name.endswith("running_mean"):
                buffer.copy_(0.3 * noise)
            if name.endswith("running_var"):
                buffer.copy_(0.5 + noise.abs())


def inputs_of(case, generator):
    vision, text = case["vision"], case["text"]
    size = getattr(vision, "image_size", None)
    height, width = case["image"] or ((size, size) if isinstance(size, int) else size)
    pixels = torch.randn((IMAGES, vision.num_channels, height, width), generator=generator)
    pad = text.pad_token_id
    longest = case.get("length", LENGTH)
    ids = torch.randint(5, text.vocab_size, (TEXTS, longest), generator=generator)
    mask = torch.ones((TEXTS, longest), dtype=torch.long)
    for row, length in enumerate([longest, 6, 8, 3]):
        if case.get("padding") == "left":
            ids[row, : longest - length] = pad
            mask[row, : longest - length] = 0
        else:
            if "end" in case:
                ids[row, length - 1] = case["end"]
            ids[row, length:] = pad
            mask[row, length:] = 0
    inputs = {"pixel_values": pixels, "input_ids": ids, "attention_mask": mask}
    if getattr(text, "type_vocab_size", 0) > 1:
        types = torch.zeros((TEXTS, longest), dtype=torch.long)
        types[:, 3:] = 1
        inputs["token_type_ids"] = types * mask
    if case.get("position_ids"):
        inputs["position_ids"] = torch.randint(0, text.max_position_embeddings, (TEXTS, longest), generator=generator)
    return inputs


class Pair(torch.nn.Module):
    """What VisionTextDualEncoderModel is, of any two towers: their pooled outputs taken by `pooling`."""

    def __init__(self, case):
        super().__init__()
        self.case = case
        self.vision_model = AutoModel.from_config(case["vision"], attn_implementation=attention_of(case["vision"]))
        # SigLIP's text tower is no AutoModel.
        of_text = SiglipTextModel._from_config if case["text"].model_type == "siglip_text_model" else AutoModel.from_config
        self.text_model = of_text(case["text"], attn_implementation=attention_of(case["text"]))
        self.visual_projection = torch.nn.Linear(size_of(case["vision"]), 32, bias=False)
        self.text_projection = torch.nn.Linear(size_of(case["text"]), 32, bias=False)
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.0))

    def save_pretrained(self, folder, **_):
        tensors = {"logit_scale": self.logit_scale.detach()}
        config = {"model_type": "vision-text-dual-encoder", "projection_dim": 32}
        for side, projection in (("vision", "visual_projection"), ("text", "text_projection")):
            with tempfile.TemporaryDirectory() as lone:
                getattr(self, f"{side}_model").save_pretrained(lone)
                tensors |= {f"{side}_model.{k}": v for k, v in load_file(f"{lone}/model.safetensors").items()}
                config[f"{side}_config"] = json.loads(Path(f"{lone}/config.json").read_text())
            tensors[f"{projection}.weight"] = getattr(self, projection).weight.detach()
            if self.case.get(f"{side}_pooling"):
                config[f"{side}_config"]["pooling"] = self.case[f"{side}_pooling"]
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def attention_of(config):
    """Which attention gives its probabilities; convolutions have none."""
    return "eager" if hasattr(config, "num_attention_heads") or hasattr(config, "num_heads") else None


def size_of(config):
    own = [getattr(config, name) for name in ("projection_size", "hidden_size", "hidden_dim") if hasattr(config, name)]
    return own[0] if own else config.hidden_sizes[-1]


def pooled_of(output, pooling, skipped=0, mask=None):
    """`skipped`: tokens before the patches. A map [B, C, H, W] is taken as its positions."""
    if pooling is None:
        return output.pooler_output
    hidden = output.last_hidden_state
    if hidden.ndim == 4:
        hidden = hidden.flatten(2).transpose(1, 2)
    if pooling == "cls":
        return hidden[:, 0]
    tokens = hidden[:, skipped:]
    weights = torch.ones_like(tokens[..., :1]) if mask is None else mask[..., None].to(tokens.dtype)
    if pooling == "max":
        return tokens.masked_fill(weights == 0, -torch.inf).max(1).values
    return (tokens * weights).sum(1) / weights.sum(1)


def outputs_of(case, model, inputs, interpolate):
    """All outputs by name. The dual encoder's own forward does not pass interpolate_pos_encoding on, so the
    two towers are called as it calls them."""
    options = dict(output_attentions=True, output_hidden_states=True, return_dict=True)
    extra = {"interpolate_pos_encoding": True} if interpolate else {}
    if case.get("unmasked"):
        # Of a masked autoencoder's patches all, in their order.
        patches = math.prod(n // case["vision"].patch_size for n in inputs["pixel_values"].shape[2:])
        extra["noise"] = torch.arange(patches).expand(len(inputs["pixel_values"]), -1)
    if case.get("unrolled"):
        # Hiera's maps beside the hidden states, for which it takes every picture to be of the trained size.
        model.vision_model.encoder.reroll = lambda hidden, **_: hidden
    text_inputs = {k: v for k, v in inputs.items() if k != "pixel_values"}
    vision = model.vision_model(pixel_values=inputs["pixel_values"], **extra, **options)
    text = model.text_model(**text_inputs, **options)
    text_pooling = case.get("text_pooling") or getattr(case["text"], "pooling", None)
    image_pooled = pooled_of(vision, case.get("vision_pooling"), case.get("skipped", 0))
    if case.get("norm_pooled"):
        # The final norm of ConvNeXt, Hiera and CLIP is their pooler's.
        tower = model.vision_model
        of = {"hiera": lambda: tower.pooler.layernorm, "clip_vision_model": lambda: tower.post_layernorm, "mlcd_vision_model": lambda: tower.post_layernorm}
        image_pooled = of.get(case["vision"].model_type, lambda: tower.layernorm)()(image_pooled)
    text_pooled = pooled_of(text, text_pooling, mask=inputs["attention_mask"])
    if text_pooling and case["text"].model_type == "siglip_text_model":
        text_pooled = model.text_model.head(text_pooled)
    image_features = model.visual_projection(image_pooled.flatten(1))
    text_features = model.text_projection(text_pooled)
    image_embeds = image_features / image_features.norm(dim=-1, keepdim=True)
    text_embeds = text_features / text_features.norm(dim=-1, keepdim=True)
    logits = text_embeds @ image_embeds.t() * model.logit_scale.exp()
    n = min(len(logits), logits.shape[1])
    square = logits[:n, :n]
    target = torch.arange(n)
    loss = (torch.nn.functional.cross_entropy(square, target) + torch.nn.functional.cross_entropy(square.t(), target)) / 2
    if not interpolate and not text_pooling and isinstance(model, VisionTextDualEncoderModel):
        whole = model(**inputs, **options)
        assert torch.equal(whole.logits_per_text, logits), "the dual encoder's own forward gives other logits"
        rows = {k: v[:n] for k, v in inputs.items()}
        assert torch.allclose(model(**rows, return_loss=True).loss, loss, atol=1e-6)
    out = {
        "logits_per_text": logits, "logits_per_image": logits.t(), "text_embeds": text_embeds,
        "image_embeds": image_embeds, "text_features": text_features, "image_features": image_features,
        "loss": loss.reshape(1), "loss_logits_per_text": square,
    }
    for prefix, output, pooled in (("text", text, text_pooled), ("vision", vision, image_pooled)):
        out[f"{prefix}_last_hidden_state"] = output.last_hidden_state
        out[f"{prefix}_pooler_output"] = pooled
        for i, value in enumerate(output.hidden_states):
            out[f"{prefix}_hidden_states.{i}"] = value
        for i, value in enumerate(output.get("attentions") or ()):
            out[f"{prefix}_attentions.{i}"] = value
    return out


def renamed(folder, kind):
    """The same checkpoint as older libraries wrote it."""
    file = folder / "model.safetensors"
    tensors = {}
    for name, value in load_file(file).items():
        if kind == "bert":
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        if kind == "clip" and name.startswith("vision_model.") and not name.startswith("vision_model.vision_model."):
            name = "vision_model." + name
        tensors[name] = value
    if kind == "bert":
        tensors["text_model.embeddings.position_ids"] = torch.arange(40).reshape(1, -1)
    if kind == "clip":
        tensors["vision_model.vision_model.embeddings.position_ids"] = torch.arange(17).reshape(1, -1)
    if kind == "mask-token":
        tensors["vision_model.embeddings.mask_token"] = torch.ones(1, 1, 16)
    if kind == "beit":
        for name in list(tensors):
            if name.endswith("relative_position_bias_table"):
                tensors[name.replace("bias_table", "index")] = torch.zeros((17, 17), dtype=torch.long)
    save_file(tensors, file, metadata={"format": "pt"})


def only_differences(config):
    """config.json with nothing but what differs from the defaults."""
    def trim(tower):
        return {"model_type": tower.model_type, **{k: v for k, v in tower.to_diff_dict().items() if k != "transformers_version"}}
    return {"model_type": config.model_type, "vision_config": trim(config.vision_config), "text_config": trim(config.text_config),
            "projection_dim": config.projection_dim}


def with_old_keys(folder, case):
    """config.json as transformers 4 wrote it; transformers 5 reads it as the same."""
    file = folder / "config.json"
    json_of = json.loads(file.read_text())
    text = {k: v for k, v in json_of["text_config"].items() if k not in ("layer_types", "rope_parameters")}
    file.write_text(json.dumps({**json_of, "text_config": {**text, **case["old_keys"]}}, indent=2) + "\n")
    again = VisionTextDualEncoderConfig.from_pretrained(folder).text_config
    assert (again.layer_types, again.rope_parameters) == (case["text"].layer_types, case["text"].rope_parameters)


def write_task_types(folder, model, inputs):
    """Features of texts with ERNIE's tasks, which the dual encoder's own forward does not hand on."""
    ids = inputs["input_ids"]
    tasks = torch.arange(ids.numel()).reshape(ids.shape) % model.config.text_config.task_type_vocab_size
    given = {name: inputs[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    with torch.no_grad():
        features = model.text_projection(model.text_model(**given, task_type_ids=tasks).pooler_output)
    save_file({"task_type_ids": tasks, "text_features": features}, folder / "task_types.safetensors")


def write(case, index):
    folder = ROOT / case["name"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(case.get("seed", 1000 + index))
    if case.get("pair"):
        model = Pair(case).eval()
    else:
        config = VisionTextDualEncoderConfig.from_vision_text_configs(case["vision"], case["text"], projection_dim=32)
        config._attn_implementation = "eager"
        model = VisionTextDualEncoderModel(config).eval()
        model.set_attn_implementation("eager")
    draw(model, generator)
    stored = case.get("stored")
    if stored:
        model = model.to(getattr(torch, stored))
    model.save_pretrained(folder, max_shard_size=case.get("shards", "1GB"))
    model = model.float()
    if case.get("rename"):
        renamed(folder, case["rename"])
    if case.get("old_keys"):
        with_old_keys(folder, case)
    if case.get("defaults_only"):
        (folder / "config.json").write_text(json.dumps(only_differences(config), indent=1))
    inputs = inputs_of(case, generator)
    with torch.no_grad():
        expected = outputs_of(case, model, inputs, case["interpolate"])
        double = outputs_of(case, model.double(), {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()},
                            case["interpolate"])
    # ModernBERT's softmax is float32 always, and the lowest double is beyond it.
    for name in ("image_embeds", "text_embeds") if case["text"].model_type != "modernbert" else ("image_embeds",):
        error = (expected[name].double() - double[name]).abs().max().item()
        assert error < 1e-6, f"{case['name']}: float32 itself is off by {error} in {name}"
    sharpest = [v.max(-1).values.mean().item() for k, v in expected.items() if "attentions" in k]
    assert max(sharpest) > 0.3, f"{case['name']}: attention is flat: {sharpest}"
    save_file({k: v.contiguous() for k, v in inputs.items()}, folder / "inputs.safetensors")
    save_file({k: v.float().clone().contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    options = {"interpolatePosEncoding": True} if case["interpolate"] else {}
    (folder / "case.json").write_text(json.dumps({"name": case["name"], "forwardOptions": options}, indent=1) + "\n")
    if getattr(case["text"], "use_task_id", False):
        write_task_types(folder, model.float(), inputs)
    print(case["name"], "attention", " ".join(f"{v:.2f}" for v in sharpest))


if __name__ == "__main__":
    for index, case in enumerate(CASES + TEXT_CASES + VISION_CASES):
        if len(sys.argv) < 2 or case["name"] in sys.argv[1:]:
            write(case, index)
