"""Makes the fixtures again, and parity-tests/fixtures/manifest.json: what made them, and their checksums.

    python tools/reference/generate.py [--originals PYTHON] [--jax PYTHON] [group ...]
    python tools/reference/generate.py --checksums

The Python that runs this needs requirements.txt, the one after --originals requirements-originals.txt; without the
latter the groups of Flax and TensorFlow are left as they are. The one after --jax needs jax, flax, scipy, safetensors,
absl-py and chex, and in PYTHONPATH checkouts of big_vision and flaxformer. --checksums makes nothing and writes the manifest anew.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "parity-tests" / "fixtures"
# In this order: gradients are of the models in towers, end-to-end of files in images. Scripts with `True` are told where to write.
GROUPS = {
    "towers": [("towers.py", False)],
    "families": [("families.py", False)],
    "open-clip": [("open_clip_models.py", False)],
    "big-vision": [("big_vision_models.py", False)],
    "gradients": [("gradients.py", False), ("tower_gradients.py", False)],
    "int8": [("int8.py", False)],
    "state-dicts": [("state_dict_names.py", False)],
    "standalone": [("standalone.py", False)],
    "initialisation": [("initialisation.py", False)],
    "losses": [("losses.py", False)],
    "training-losses": [("training_losses.py", False)],
    "training-steps": [("training_steps.py", False), ("lit_steps.py", False)],
    "optimizers": [("optimizers.py", False)],
    "linear-probe": [("linear_probe.py", False)],
    "datasets": [("datasets.py", False)],
    "images": [("images.py", False), ("images_decode.py", False), ("images_transparency.py", False)],
    "image-formats": [("images_tiff.py", False), ("images_formats.py", False), ("images_heic.py", False)],
    "end-to-end": [("end_to_end.py", False)],
    "text": [("tokenizer_fixtures.py", False), ("tokenizer_settings.py", False), ("processor_fixture.py", False)],
    "safetensors": [("safetensors_files.py", True)],
    "originals": [("originals.py", True)],
    "formats": [("formats.py", True)],
}
OF_ORIGINALS = {"originals", "formats"}
OF_JAX = {"big-vision"}
PACKAGES = ["torch", "torchvision", "transformers", "safetensors", "compressed-tensors", "numpy", "pillow", "pillow-heif", "tokenizers", "sentencepiece", "scikit-learn", "timm", "open_clip_torch", "ftfy", "pyarrow", "flax", "jax", "chex", "tensorflow-cpu", "h5py"]
VERSIONS = """
import importlib.metadata, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def versions_of(python):
    return json.loads(subprocess.check_output([python, "-c", VERSIONS, *PACKAGES]))


def make(group, python):
    for script, takes_target in GROUPS[group]:
        print(f"{group}: {script}", flush=True)
        target = [str(FIXTURES / group)] if takes_target else []
        # One thread: sums in the same order everywhere.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TRANSFORMERS_VERBOSITY": "error"}
        subprocess.run([python, str(HERE / script), *target], check=True, env=environment)


def checksums(group):
    folder = FIXTURES / group
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("groups", nargs="*", help=", ".join(GROUPS))
    parser.add_argument("--originals", metavar="PYTHON")
    parser.add_argument("--jax", metavar="PYTHON")
    parser.add_argument("--checksums", action="store_true")
    arguments = parser.parse_args()
    for group in arguments.groups:
        if group not in GROUPS:
            parser.error(f"no group {group}: {', '.join(GROUPS)}")
    file = FIXTURES / "manifest.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    manifest = {}
    for group in GROUPS:
        python = arguments.originals if group in OF_ORIGINALS else arguments.jax if group in OF_JAX else sys.executable
        wanted = not arguments.checksums and group in (arguments.groups or GROUPS)
        if wanted and python:
            make(group, python)
            versions = versions_of(python)
        else:
            print(f"{group}: left as it is" if not arguments.checksums else f"{group}: checksums")
            versions = known.get(group, {}).get("versions", {})
        manifest[group] = {"versions": versions, "files": checksums(group)}
    file.write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
