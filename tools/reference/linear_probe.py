"""Writes parity-tests/fixtures/linear-probe: features, labels and what scikit-learn's logistic regression makes of them.

    python tools/reference/linear_probe.py

Classes overlap, so that C matters. `<case>.<part>.features`, `<case>.<part>.labels` for the parts train, validation
and test; expected.json: by case, of each C the accuracy on the validation part, the C that is best there (the smallest of
equals), the test accuracy after fitting train and validation with it, and the mean loss and test accuracy at C = 1.
"""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "linear-probe"
GRID = [10 ** (i / 2 - 3) for i in range(13)]
PARTS = {"train": 240, "validation": 200, "test": 1000}
WIDTH = 24


def data(random, classes):
    centres = 0.45 * random.standard_normal((classes, WIDTH))
    # Features of very different sizes, as a tower's have.
    sizes = 10 ** random.uniform(-1, 0.7, WIDTH)
    out = {}
    for part, count in PARTS.items():
        labels = random.integers(0, classes, count)
        features = (centres[labels] + random.standard_normal((count, WIDTH))) * sizes
        out[part] = features.astype(np.float32), labels.astype(np.int32)
    return out


def fit(features, labels, c):
    return LogisticRegression(C=c, max_iter=10_000, tol=1e-8).fit(features.astype(np.float64), labels)


def expected(parts):
    train, validation, test = (parts[name] for name in PARTS)
    tried = [fit(*train, c).score(*validation) for c in GRID]
    best = GRID[int(np.argmax(tried))]
    both = [np.concatenate(pair) for pair in zip(train, validation)]
    one = fit(*train, 1.0)
    log = one.predict_log_proba(train[0].astype(np.float64))
    return {
        "grid": GRID,
        "tried": tried,
        "C": best,
        "test": fit(*both, best).score(*test),
        "one": {"loss": float(-log[np.arange(len(log)), train[1]].mean()), "test": one.score(*test)},
    }


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    random = np.random.default_rng(5)
    cases = {name: data(random, classes) for name, classes in (("seven", 7), ("two", 2))}
    tensors = {
        f"{name}.{part}.{kind}": value
        for name, parts in cases.items()
        for part, pair in parts.items()
        for kind, value in zip(("features", "labels"), pair)
    }
    save_file(tensors, ROOT / "data.safetensors")
    (ROOT / "expected.json").write_text(json.dumps({name: expected(parts) for name, parts in cases.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
