"""Logits of the embedded model for JPEG files and texts: parity-tests/fixtures/end-to-end/expected.safetensors and case.json

    python tools/reference/end_to_end.py

From files to logits by transformers alone, with either of its image backends. The files are those of images_decode.py.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoImageProcessor, AutoTokenizer, VisionTextDualEncoderModel, VisionTextDualEncoderProcessor
from transformers.image_utils import load_image

PARITY = Path(__file__).resolve().parents[2] / "parity-tests"
MODEL = PARITY / "models/emoji-vit-bert"
FILES = PARITY / "fixtures/images/files"
TARGET = PARITY / "fixtures/end-to-end"
NAMES = ["sub0-120x90", "sub1-64x65", "sub2-33x47", "sub2-120x90", "prog-120x90", "prog-422", "grey-120x90", "cmyk-120x90",
         "cmyk-ycck", "exif3", "exif6", "q30", "rgb-kept", "restart", "icc"]
TEXTS = ["a dog", "red fruit", "Das ist ein Flugzeug.", "smiling sun ☀️", "two words of a longer caption, with a comma"]

model = VisionTextDualEncoderModel.from_pretrained(MODEL).eval()
tokenizer = AutoTokenizer.from_pretrained(MODEL)
images = [load_image(str(FILES / f"{name}.jpg")) for name in NAMES]
expected = {}
for backend in ("torchvision", "pil"):
    image_processor = AutoImageProcessor.from_pretrained(MODEL, backend=backend)
    assert ("Pil" in type(image_processor).__name__) == (backend == "pil"), type(image_processor)
    processor = VisionTextDualEncoderProcessor(image_processor, tokenizer)
    with torch.no_grad():
        output = model(**processor(images=images, text=TEXTS, padding=True, return_tensors="pt"))
    expected[f"{backend}.logits_per_image"] = output.logits_per_image.contiguous()
    expected[f"{backend}.image_embeds"] = output.image_embeds.contiguous()
    expected[f"{backend}.text_embeds"] = output.text_embeds.contiguous()

TARGET.mkdir(parents=True, exist_ok=True)
save_file(expected, TARGET / "expected.safetensors")
case = {"images": [f"{name}.jpg" for name in NAMES], "texts": TEXTS}
(TARGET / "case.json").write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n")
