"""Loads checkpoints that our savePretrained or convert() wrote, in whichever transformers runs this.

    python tools/reference/check_saved.py <folder>

Each folder below holds a checkpoint with inputs.safetensors, and logits.safetensors as the logits to give. Prints a JSON
object: the versions, and for each checkpoint its missing, unexpected and mismatched keys and the largest difference. Towers that this version does not know are
left out.
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

transformers.logging.set_verbosity_error()
results = {}
for folder in sorted(path.parent for path in Path(sys.argv[1]).glob("*/inputs.safetensors")):
    config = json.loads((folder / "config.json").read_text())
    if any(config[side]["model_type"] not in transformers.CONFIG_MAPPING for side in ("vision_config", "text_config")):
        continue
    model, info = transformers.VisionTextDualEncoderModel.from_pretrained(folder, output_loading_info=True)
    keys = sorted(str(key) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in info[kind])
    with torch.inference_mode():
        logits = model.float().eval()(**load_file(folder / "inputs.safetensors")).logits_per_image
    expected = load_file(folder / "logits.safetensors")["logits_per_image"]
    results[folder.name] = {"keys": keys, "difference": float(f"{(logits - expected).abs().max().item():.1e}")}
versions = {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]}
print(json.dumps({"versions": versions, "results": results}))
