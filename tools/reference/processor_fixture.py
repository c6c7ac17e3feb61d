"""What transformers' VisionTextDualEncoderProcessor gives: parity-tests/fixtures/text/processor.json

    python tools/reference/processor_fixture.py
"""

import hashlib
import json
import os
import pathlib
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"

import numpy as np
from PIL import Image
from transformers import BertTokenizer, VisionTextDualEncoderProcessor, ViTImageProcessor

FIXTURES = pathlib.Path(__file__).parents[2] / "parity-tests/fixtures/text"
IMAGE_CONFIG = {"size": {"height": 24, "width": 24}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.6, 0.7]}
TEXTS = ["a photo of a cat", "two people playing in the park", "x"]
CALLS = [
    {"text": True, "images": True},
    {"text": True},
    {"images": True},
    {"text": True, "images": True, "padding": "max_length", "max_length": 12, "truncation": True},
    {"text": True, "images": True, "padding_side": "left", "add_special_tokens": False},
    {"images": True, "do_resize": False},
    {"images": True, "do_normalize": False},
    {"images": True, "do_rescale": False, "do_normalize": False},
    {"words": True, "is_split_into_words": True},
]


def picture():
    data = (np.arange(30 * 40 * 3) * 7 + np.arange(30 * 40 * 3) // 120 * 31) % 256
    return Image.fromarray(data.astype(np.uint8).reshape(30, 40, 3))


def summary(value):
    array = np.asarray(value)
    kind = "float32" if array.dtype.kind == "f" or array.ndim == 4 else "int64"
    return {"dims": list(array.shape), "sha256": hashlib.sha256(array.astype(kind).tobytes()).hexdigest()}


def main():
    processor = VisionTextDualEncoderProcessor(ViTImageProcessor(**IMAGE_CONFIG), BertTokenizer.from_pretrained(FIXTURES / "bert"))
    results = []
    for call in CALLS:
        options = dict(call)
        if options.pop("text", False):
            options["text"] = TEXTS
        if options.pop("images", False):
            options["images"] = [picture(), picture()]
        if options.pop("words", False):
            # Since 5.24 the processor refuses lists of words, which its tokenizer takes. Ours takes them still.
            out = processor.tokenizer([text.split(" ") for text in TEXTS], padding=True, return_tensors="pt", **options)
            results.append({key: summary(value) for key, value in out.items()})
            continue
        out = processor(return_tensors="pt", **{"padding": True, **options} if "text" in options else options)
        results.append({key: summary(value) for key, value in out.items()})
    try:
        processor()
        raise SystemExit("no error without inputs")
    except (ValueError, TypeError) as error:
        print(error)
    with tempfile.TemporaryDirectory() as folder:
        processor.save_pretrained(folder)
        files = {name.name: json.loads(name.read_text()) for name in pathlib.Path(folder).iterdir() if "processor" in name.name}
    fixture = {"texts": TEXTS, "calls": CALLS, "results": results, "names": processor.model_input_names, "files": files}
    (FIXTURES / "processor.json").write_text(json.dumps(fixture, indent=1))
    print(processor.model_input_names, list(files), [list(r) for r in results])


main()
