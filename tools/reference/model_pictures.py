"""Logits of the shipped model for the demo's dozen pictures: tools/demo/expected.json

    node tools/pictures/... FOLDER   # see docs/pictures.md: the shipped int8 values as float32, which Python reads
    python tools/reference/model_pictures.py FOLDER
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoImageProcessor, AutoTokenizer, VisionTextDualEncoderModel, VisionTextDualEncoderProcessor
from transformers.image_utils import load_image

DEMO = Path(__file__).resolve().parents[1] / "demo"
folder = sys.argv[1]
pictures = json.loads((DEMO / "pictures/pictures.json").read_text())
images = [load_image(str(DEMO / f"pictures/{picture['file']}.jpg")) for picture in pictures]
text = [f"a photo of {picture['label']}" for picture in pictures]

model = VisionTextDualEncoderModel.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
logits = {}
for backend in ("torchvision", "pil"):
    processor = VisionTextDualEncoderProcessor(AutoImageProcessor.from_pretrained(folder, backend=backend), tokenizer)
    with torch.no_grad():
        output = model(**processor(images=images, text=text, padding=True, return_tensors="pt"))
    logits[backend] = [[round(value, 6) for value in row] for row in output.logits_per_image.tolist()]
case = {"transformers": transformers.__version__, "torch": torch.__version__, "logits_per_image": logits}
(DEMO / "expected.json").write_text(json.dumps(case) + "\n")
