"""Names of transformers' own `state_dict()`: parity-tests/fixtures/state-dicts/names.json

    python tools/reference/state_dict_names.py

Of cases in towers, of each tower whose names differ, and of families: each name of the loaded model's `state_dict()` that the file does not have, and the weight of the file
that holds its values, with the first row and the one behind the last where it is a part of it.
"""

import json
from pathlib import Path

import transformers
from safetensors.torch import load_file

FIXTURES = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures"
CASES = [
    "vit-bert", "deit-camembert", "beit-roberta", "beit-shared-bias", "beit-both-biases", "dinov2-bert", "dinov2-swiglu",
    "dinov2-registers", "dinov3", "dinov3-gated", "swin", "nomic-bert", "vit-mae", "vit-msn", "altclip", "ijepa",
]  # fmt: skip
transformers.logging.set_verbosity_error()


def source(value, saved):
    for name, other in saved.items():
        if other.shape == value.shape and other.equal(value):
            return [name]
    for name, other in saved.items():
        if other.shape[1:] == value.shape[1:] and other.ndim and len(other) % len(value) == 0:
            for start in range(0, len(other), len(value)):
                if other[start : start + len(value)].equal(value):
                    return [name, start, start + len(value)]
    raise SystemExit("a weight that is nowhere in the file")


names = {}
for case in CASES:
    folder = FIXTURES / ("families" if case == "altclip" else "towers") / case
    saved = load_file(folder / "model.safetensors")
    state = transformers.AutoModel.from_pretrained(folder).state_dict()
    names[case] = {name: source(value, saved) for name, value in state.items() if name not in saved}
target = FIXTURES / "state-dicts"
target.mkdir(exist_ok=True)
(target / "names.json").write_text(json.dumps(names, indent=1) + "\n")
print({case: len(found) for case, found in names.items()})
