"""Image processor fixtures: parity-tests/fixtures/images/processors.json

Runs transformers' image processors, both backends, on pictures that any language can draw again from integers
(`draw` here, `draw` in packages/core/src/images/testing/draw.ts), and keeps the SHA-256 of each float32 tensor.

    python tools/reference/images.py

Where Pillow 12 is installed it writes pillow-12.json instead: the cases in which its resize gives something else. To have
it beside the Python above: pip install --target FOLDER --no-deps pillow==12.3.0, and PYTHONPATH=FOLDER.
"""

import hashlib
import json
import os
import pathlib
import random

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
import transformers
import PIL
import torchvision
from PIL import Image

torch.set_num_threads(1)
OUT = pathlib.Path(__file__).parents[2] / "parity-tests/fixtures/images"

CLASSES = {
    "ViTImageProcessor": "vit",
    "DeiTImageProcessor": "deit",
    "BeitImageProcessor": "beit",
    "CLIPImageProcessor": "clip",
    "BitImageProcessor": "bit",
    "ChineseCLIPImageProcessor": "chinese_clip",
    "SiglipImageProcessor": "siglip",
    "ConvNextImageProcessor": "convnext",
    "BlipImageProcessor": "blip",
    "EfficientNetImageProcessor": "efficientnet",
    "DINOv3ViTImageProcessor": "dinov3_vit",
}


def hashed(index, seed):
    """One byte for each index: MurmurHash3's finaliser over index and seed."""
    x = (index.astype(np.uint32) * np.uint32(0x9E3779B1)) ^ np.uint32(seed)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(24)).astype(np.int64)


def draw(kind, height, width, seed):
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    if kind == "noise":
        v = hashed((y * width + x) * 3 + c, seed)
    elif kind == "blocks":
        v = hashed(((y // 11) * 4096 + x // 7) * 3 + c, seed)
    else:  # smooth: triangle waves with a little grain
        wave = (x * (3 + c + seed % 5) + y * (5 - c + seed % 3)) % 512
        v = np.where(wave > 255, 511 - wave, wave)
        v = np.clip(v + hashed((y * width + x) * 3 + c, seed) // 32 - 4, 0, 255)
    return v.astype(np.uint8)


SHAPES = [(1, 1), (2, 3), (3, 5), (17, 23), (37, 53), (53, 37), (64, 64), (100, 75), (97, 131), (223, 225), (224, 224),
          (225, 224), (224, 300), (240, 320), (300, 200), (333, 500), (480, 640), (500, 31), (31, 500), (255, 257),
          (384, 384), (601, 799), (768, 1024), (5, 400), (632, 4), (401, 4), (400, 4), (4, 632)]

COMMON = [
    {},
    {"resample": 0},
    {"resample": 1},
    {"resample": 2},
    {"resample": 3},
    {"resample": 4},
    {"resample": 5},
    {"do_rescale": False},
    {"do_normalize": False},
    {"do_rescale": False, "do_normalize": False},
    {"rescale_factor": 1 / 127.5, "image_mean": [1.0, 0.9, 1.1]},
    {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
    {"image_mean": 0.45, "image_std": 0.23},
    {"do_resize": False},
    {"do_center_crop": True, "crop_size": {"height": 97, "width": 131}},
    {"do_center_crop": True, "crop_size": 150, "do_resize": False},
    {"do_resize": False, "do_center_crop": True, "crop_size": [64, 301]},
]
SIZES = [
    {"size": 97},
    {"size": [61, 140]},
    {"size": {"height": 131, "width": 97}},
    {"size": {"shortest_edge": 83}, "do_center_crop": True, "crop_size": {"height": 90, "width": 70}},
    {"size": {"shortest_edge": 64, "longest_edge": 99}},
    {"size": {"max_height": 80, "max_width": 121}},
    {"size": {"longest_edge": 80}},
    {"do_pad": True, "pad_size": {"height": 320, "width": 300}, "size": {"height": 60, "width": 70}},
    {"default_to_square": False, "size": 71, "do_center_crop": False},
    {"default_to_square": True, "size": 71, "do_center_crop": False},
    {"image_mean": None},
    {"do_center_crop": None, "crop_size": None},
    {"do_rescale": None},
    {"image_std": None, "do_normalize": False},
]
CONVNEXT = [
    {"size": {"shortest_edge": edge}, **extra}
    for edge in (97, 224, 383, 384, 400)
    for extra in ({}, {"crop_pct": 0.95}, {"resample": 2}, {"crop_pct": 1.0, "resample": 1})
]
EFFICIENTNET = [
    {"size": size, **extra}
    for size in ({"height": 46, "width": 46}, {"height": 61, "width": 40})
    for extra in ({}, {"resample": 0, "do_center_crop": True, "crop_size": {"height": 39, "width": 43}}, {"rescale_offset": True, "rescale_factor": 1 / 127.5},
                  {"include_top": False}, {"do_normalize": False, "rescale_offset": True}, {"do_rescale": False, "rescale_offset": True},
                  {"rescale_offset": True, "include_top": False, "image_mean": [0.1, 0.2, 0.3]}, {"do_pad": True, "resample": 2})
] + [{}]
DINOV3 = [
    {"size": size, **extra}
    for size in ({"height": 46, "width": 46}, {"height": 61, "width": 40}, {"shortest_edge": 50})
    for extra in ({}, {"resample": 3}, {"resample": 0}, {"do_normalize": False, "rescale_factor": 0.5}, {"do_rescale": False, "resample": 3},
                  {"do_center_crop": True, "crop_size": {"height": 39, "width": 63}})
] + [{}, {"do_resize": False}, {"resample": 4}]
OWN = {"EfficientNetImageProcessor": EFFICIENTNET, "DINOv3ViTImageProcessor": DINOV3}
OLD = {  # configs as older versions wrote them
    "ViTImageProcessor": [{"feature_extractor_type": "ViTFeatureExtractor", "size": 48}],
    "CLIPImageProcessor": [{"feature_extractor_type": "CLIPFeatureExtractor", "size": 60, "crop_size": 56}],
    "BeitImageProcessor": [{"feature_extractor_type": "BeitFeatureExtractor", "size": 56, "crop_size": 48,
                            "do_center_crop": True}],
    "DeiTImageProcessor": [{"feature_extractor_type": "DeiTFeatureExtractor", "size": 64, "crop_size": 56}],
    "ConvNextImageProcessor": [{"feature_extractor_type": "ConvNextFeatureExtractor", "size": 64,
                                "crop_pct": 0.875}],
}


def cases():
    rng = random.Random(20)
    for name in CLASSES:
        if name in OWN:
            for config in OWN[name]:
                height, width = rng.choice(SHAPES)
                yield name, config, rng.choice(["noise", "smooth", "blocks"]), height, width, rng.randrange(2**32)
            continue
        own = CONVNEXT if name == "ConvNextImageProcessor" else SIZES
        for config in COMMON + own + OLD.get(name, []):
            for height, width in rng.sample(SHAPES, 2 if config in COMMON or name != "ConvNextImageProcessor" else 3):
                kind = rng.choice(["noise", "smooth", "blocks"])
                yield name, config, kind, height, width, rng.randrange(2**32)


def run(name, backend, config, image):
    module = CLASSES[name]
    path = f"transformers.models.{module}.image_processing_{'pil_' if backend == 'pil' else ''}{module}"
    if backend == "pil" and name == "DINOv3ViTImageProcessor":
        return {"error": "no such class"}
    cls = getattr(__import__(path, fromlist=["x"]), name + ("Pil" if backend == "pil" else ""))
    values = {k: v for k, v in config.items() if k != "feature_extractor_type"}
    try:
        pixels = cls.from_dict(values)(image, return_tensors="np")["pixel_values"]
    except Exception as error:  # recorded: ours must fail as well
        return {"error": type(error).__name__}
    pixels = np.ascontiguousarray(pixels, dtype="<f4")
    return {"dims": list(pixels.shape), "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()[:24]}


def older():
    """Cases of processors.json in which the Pillow that is installed gives other values, and what it gives."""
    rows = json.loads((OUT / "processors.json").read_text())["cases"]
    for row in rows:
        kind, height, width, seed = row["image"]
        name = row["config"].get("image_processor_type") or next(key for key, configs in OLD.items() if row["config"] in configs)
        pil = run(name, "pil", row["config"], Image.fromarray(draw(kind, height, width, seed)))
        if pil != row["pil"]:
            yield {"config": row["config"], "image": row["image"], "pil": pil}


def write(name, rows):
    versions = {m.__name__: m.__version__ for m in (transformers, torch, torchvision, PIL, np)}
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (OUT / name).write_text(f'{{"versions":{json.dumps(versions)},\n"cases":[\n{lines}\n]}}\n')


def main():
    if PIL.__version__.startswith("12."):
        return write("pillow-12.json", older())
    rows = []
    for name, config, kind, height, width, seed in cases():
        image = Image.fromarray(draw(kind, height, width, seed))
        full = config if "feature_extractor_type" in config else {"image_processor_type": name, **config}
        rows.append({"config": full, "image": [kind, height, width, seed],
                     **{backend: run(name, backend, config, image) for backend in ("torchvision", "pil")}})
    write("processors.json", rows)
    for backend in ("torchvision", "pil"):
        print(backend, sum("dims" in r[backend] for r in rows), "tensors",
              sum("error" in r[backend] for r in rows), "errors")


if __name__ == "__main__":
    main()
