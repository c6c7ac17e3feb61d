"""The Python side of images.mjs: reads `["load" | "process" | "both", backend, file]` line by line, answers milliseconds."""

import json
import os
import sys
import time

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
from transformers import CLIPImageProcessor
from transformers.image_utils import load_image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

torch.set_num_threads(1)
processors = {"torchvision": CLIPImageProcessor(), "pil": CLIPImageProcessorPil()}
pictures = {}

for line in sys.stdin:
    what, backend, file = json.loads(line)
    if file not in pictures:
        pictures[file] = load_image(file)
    start = time.perf_counter()
    picture = pictures[file] if what == "process" else load_image(file)
    if what != "load":
        processors[backend](picture, return_tensors="pt")
    print((time.perf_counter() - start) * 1000, flush=True)
