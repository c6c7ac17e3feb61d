"""The PyTorch side of the benchmarks: `python time_torch.py <checkpoint> <threads>`, then a line of JSON for each request.

A request is {"side": "image" | "text", "batch": n, "length": n}; the answer is {"ms": t} for one forward pass in float32.
The first line printed is {"ms": t, "memory": MB}: the time from loading the weights to the first image embedding.
"""

import json
import resource
import sys
import time

import torch
from transformers import VisionTextDualEncoderModel, logging

logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(int(sys.argv[2]))


def inputs(side, batch, length=0):
    if side == "image":
        return {"pixel_values": torch.randn(batch, 3, 224, 224)}
    ids = torch.randint(0, 30522, (batch, length))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def milliseconds(run):
    start = time.perf_counter()
    with torch.inference_mode():
        run()
    return (time.perf_counter() - start) * 1000


def first():
    global model
    model = VisionTextDualEncoderModel.from_pretrained(sys.argv[1]).eval()
    model.get_image_features(**inputs("image", 1))


def answer(**values):
    print(json.dumps(values), flush=True)


answer(ms=milliseconds(first), memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
for line in sys.stdin:
    request = json.loads(line)
    run = model.get_image_features if request["side"] == "image" else model.get_text_features
    given = inputs(**request)
    answer(ms=milliseconds(lambda: run(**given)))
