"""Loads checkpoints that convert() wrote into PyTorch and compares them with their originals' outputs.

    python tools/reference/check_converted.py <folder of originals> <folder of converted>

Both hold folders of the same names; the originals have inputs.safetensors and expected.safetensors.
Fails on a missing or unexpected key, and on logits that differ by more than 2e-5.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import VisionTextDualEncoderModel, logging

LIMIT = 2e-5


def check(original: Path, converted: Path) -> bool:
    model, info = VisionTextDualEncoderModel.from_pretrained(converted, output_loading_info=True, dtype=torch.float32)
    keys = {name: sorted(info[name]) for name in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[name]}
    inputs = load_file(original / "inputs.safetensors")
    expected = load_file(original / "expected.safetensors")["logits_per_image"]
    with torch.inference_mode():
        logits = model.eval()(**inputs).logits_per_image
    difference = (logits - expected).abs().max().item()
    print(f"{original.name:28} logits {difference:.1e} {keys or ''}")
    return not keys and difference <= LIMIT


if __name__ == "__main__":
    logging.set_verbosity_error()
    originals, converted = map(Path, sys.argv[1:])
    folders = sorted(path.parent for path in originals.glob("*/expected.safetensors"))
    sys.exit(0 if folders and all([check(folder, converted / folder.name) for folder in folders]) else 1)
