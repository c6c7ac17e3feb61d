"""Writes parity-tests/fixtures/families: small whole models (CLIP, SigLIP and their kin), and what PyTorch makes of fixed inputs.

    python tools/reference/families.py [case ...]

The loss is of the first three rows of both inputs.
"""

import shutil
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

from towers import draw

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "families"
IMAGES, TEXTS, LENGTH = 3, 4, 9
VISION = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=24, patch_size=6)
TEXT = dict(vocab_size=100, hidden_size=30, num_hidden_layers=2, num_attention_heads=5, intermediate_size=40, max_position_embeddings=16)
ENDED = dict(eos_token_id=98, pad_token_id=1)


def case(kind, text={}, vision={}, end=None, mask=True, positions=False, **top):
    return dict(kind=kind, text={**TEXT, **text}, vision={**VISION, **vision}, end=end, mask=mask, positions=positions, top=top)


CASES = {
    "clip": case("CLIP", ENDED, end=98, projection_dim=20),
    "clip-old-eos": case("CLIP", dict(eos_token_id=2), end=99, projection_dim=20),
    "clip-gelu-positions": case("CLIP", {**ENDED, "hidden_act": "gelu"}, dict(hidden_act="gelu_new", image_size=30), end=98, mask=False, positions=True),
    "siglip": case("Siglip", dict(projection_size=32), mask=False),
    "siglip-mask": case("Siglip", dict(hidden_size=32, num_attention_heads=2, hidden_act="gelu"), mask=True),
    "chinese-clip": case("ChineseCLIP", dict(type_vocab_size=2), projection_dim=20),
    "metaclip-2": case("MetaClip2", dict(eos_token_id=2, pad_token_id=1), end=2, projection_dim=20),
    "altclip": case("AltCLIP", dict(project_dim=26, type_vocab_size=1, max_position_embeddings=20, pad_token_id=1), projection_dim=20),
    "metaclip-2-options": case(
        "MetaClip2", dict(eos_token_id=98, pad_token_id=1, hidden_act="gelu", layer_norm_eps=0.1),
        dict(hidden_act="gelu_new", layer_norm_eps=0.1, image_size=30, num_channels=1), end=98, mask=False, positions=True, projection_dim=20),
    "altclip-options": case(
        "AltCLIP", dict(project_dim=26, type_vocab_size=2, max_position_embeddings=20, pad_token_id=3, hidden_act="relu", layer_norm_eps=0.1),
        dict(hidden_act="gelu", layer_norm_eps=0.1, image_size=30, num_channels=1), positions=True, projection_dim=20),
}


def inputs_of(case, config, generator):
    size = config.vision_config.image_size
    pixels = torch.randn((IMAGES, config.vision_config.num_channels, size, size), generator=generator)
    ids = torch.randint(5, 97, (TEXTS, LENGTH), generator=generator)
    mask = torch.ones_like(ids)
    for row, length in enumerate([LENGTH, 6, 8, 3]):
        if case["end"] is not None:
            ids[row, length - 1] = case["end"]
        ids[row, length:], mask[row, length:] = config.text_config.pad_token_id, 0
    inputs = {"pixel_values": pixels, "input_ids": ids}
    if case["mask"]:
        inputs["attention_mask"] = mask
    if case["positions"]:
        inputs["position_ids"] = torch.randint(0, 16, (TEXTS, LENGTH), generator=generator)
    if getattr(config.text_config, "type_vocab_size", 1) > 1 and case["positions"]:
        inputs["token_type_ids"] = (torch.arange(LENGTH) > 2).long().expand(TEXTS, -1).contiguous()
    return inputs


def outputs_of(model, inputs):
    options = dict(output_attentions=True, output_hidden_states=True, return_dict=True)
    # SigLIP's own forward hands no options on to its towers, so that they are called as it calls them.
    vision = model.vision_model(pixel_values=inputs["pixel_values"], **options)
    text = model.text_model(**{k: v for k, v in inputs.items() if k != "pixel_values"}, **options)
    whole = model(**inputs)
    loss = model(**{k: v[:IMAGES] for k, v in inputs.items()}, return_loss=True).loss
    out = {
        "logits_per_text": whole.logits_per_text, "logits_per_image": whole.logits_per_image,
        "text_embeds": whole.text_embeds, "image_embeds": whole.image_embeds, "loss": loss.reshape(1),
    }
    for prefix, output in (("text", text), ("vision", vision)):
        out[f"{prefix}_last_hidden_state"] = output.last_hidden_state
        if output.pooler_output is not None:
            out[f"{prefix}_pooler_output"] = output.pooler_output
        for i, value in enumerate(output.hidden_states):
            out[f"{prefix}_hidden_states.{i}"] = value
        for i, value in enumerate(output.attentions):
            out[f"{prefix}_attentions.{i}"] = value
    return out


def write(index, name, case):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(3000 + index)
    config = getattr(transformers, f"{case['kind']}Config")(text_config=case["text"], vision_config=case["vision"], **case["top"])
    model = getattr(transformers, f"{case['kind']}Model")(config).eval()
    model.set_attn_implementation("eager")
    draw(model, generator)
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        if hasattr(model, "logit_bias"):
            model.logit_bias.fill_(-3.0)
    model.save_pretrained(folder)
    inputs = inputs_of(case, config, generator)
    with torch.no_grad():
        expected = outputs_of(model, inputs)
    save_file({k: v.contiguous() for k, v in inputs.items()}, folder / "inputs.safetensors")
    save_file({k: v.float().clone().contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    print(name, {k: tuple(v.shape) for k, v in expected.items() if k.endswith(("embeds", "pooler_output", "loss"))})


if __name__ == "__main__":
    for index, (name, case) in enumerate(CASES.items()):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            write(index, name, case)
