"""Writes parity-tests/fixtures/int8/*/expected.safetensors: the logits that transformers gives from int8 checkpoints of ours.

    python tools/reference/int8.py

The checkpoints are written by parity-tests/src/quantized.test.ts with DUAL_ENCODER_RECORD=1. Needs compressed-tensors.
"""

from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

FIXTURES = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures"
transformers.logging.set_verbosity_error()


def loaded(folder):
    model, info = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    left = {kind: keys for kind, keys in info.items() if keys}
    if left:
        raise SystemExit(f"{folder.name}: {left}")
    return model.float().eval()


def write_tower(folder):
    given = load_file(FIXTURES / "standalone" / folder.name.removeprefix("tower-") / "expected.safetensors")
    inputs = {name: given[name] for name in ("pixel_values", "input_ids", "attention_mask") if name in given}
    with torch.inference_mode():
        output = loaded(folder)(**inputs)
    values = {name: output[name].contiguous() for name in ("last_hidden_state", "pooler_output")}
    save_file(values, folder / "expected.safetensors")


def write_inputs(folder):
    """Of a model that no other fixture has."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(3, 3, 32, 32, generator=generator)
    ids = torch.randint(0, 64, (4, 16), generator=generator)
    save_file({"pixel_values": pixels, "input_ids": ids}, folder / "inputs.safetensors")


def main():
    for folder in sorted(path.parent for path in (FIXTURES / "int8").glob("*/config.json")):
        if folder.name.startswith("tower-"):
            write_tower(folder)
            continue
        if folder.name.endswith("-groups"):
            write_inputs(folder)
        places = [folder, *(FIXTURES / group / folder.name for group in ("towers", "families"))]
        inputs = next(path for path in (place / "inputs.safetensors" for place in places) if path.exists())
        with torch.inference_mode():
            logits = loaded(folder)(**load_file(inputs)).logits_per_image
        save_file({"logits_per_image": logits.contiguous()}, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
