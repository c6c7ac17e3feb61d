"""Loads checkpoints that our savePretrained or convert() wrote, in whichever transformers runs this.

    python tools/reference/check_saved.py <folder>

Each folder below holds a checkpoint (a dual encoder, a whole model, a tower alone) with inputs.safetensors, and
expected.safetensors with the output that it is to give. Prints a JSON object: the versions, and for each checkpoint its
missing, unexpected and mismatched keys and the largest difference. What this version does not know, or fails on, is left out.
"""

import inspect
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
    pair = config["model_type"] == "vision-text-dual-encoder"
    types = [config[side]["model_type"] for side in ("vision_config", "text_config")] if pair else [config["model_type"]]
    if any(each not in transformers.CONFIG_MAPPING and each != "siglip_text_model" for each in types):
        continue
    model_class = {
        "vision-text-dual-encoder": transformers.VisionTextDualEncoderModel,
        # SigLIP's text tower is no AutoModel.
        "siglip_text_model": transformers.SiglipTextModel,
    }.get(config["model_type"], transformers.AutoModel)
    try:
        model, info = model_class.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
        keys = sorted(str(key) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in info[kind])
        taken = inspect.signature(model.forward).parameters
        inputs = {name: value for name, value in load_file(folder / "inputs.safetensors").items() if name in taken}
        if config["model_type"] == "vit_mae":
            # Its patches in their order.
            inputs["noise"] = torch.arange((config["image_size"] // config["patch_size"]) ** 2).expand(len(inputs["pixel_values"]), -1)
        [(name, expected)] = load_file(folder / "expected.safetensors").items()
        with torch.inference_mode():
            given = model.float().eval()(**inputs)[name]
    except Exception as error:  # left out: the test knows which it may miss
        print(f"{folder.name} in transformers {transformers.__version__}: {error!r}", file=sys.stderr)
        continue
    difference = float(f"{(given - expected).abs().max().item():.1e}")
    results[folder.name] = {"keys": keys, "difference": difference}
versions = {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]}
print(json.dumps({"versions": versions, "results": results}))
