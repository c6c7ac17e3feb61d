"""Prints which fixtures differ between two folders, and by how much: group, case, what, largest difference.

    python tools/reference/drift_compare.py <before> <after> <group> ...

Names of versions are no difference. Exit status 1 where there is one.
"""

import json
import math
import sys
from pathlib import Path

from safetensors.torch import load_file

VERSIONS = {"versions", "pillow", "transformers_version"}


def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def json_differences(before, after, path=""):
    """(path, difference): a number for numbers, else what came of what."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            at = f"{path}.{key}" if path else key
            if key in VERSIONS:
                continue
            if key not in after or key not in before:
                yield at, "gone" if key not in after else "new"
            else:
                yield from json_differences(before[key], after[key], at)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, pair in enumerate(zip(before, after)):
            yield from json_differences(*pair, f"{path}[{i}]")
    elif number(before) and number(after):
        if before != after:
            yield path, abs(before - after)
    elif before != after:
        yield path, f"{json.dumps(before)[:40]} -> {json.dumps(after)[:40]}"


def tensor_differences(before, after):
    before, after = load_file(before), load_file(after)
    for name in sorted(before.keys() | after.keys()):
        if name not in after or name not in before:
            yield name, "gone" if name not in after else "new"
        elif before[name].shape != after[name].shape or before[name].dtype != after[name].dtype:
            yield name, f"{list(before[name].shape)} {before[name].dtype} -> {list(after[name].shape)} {after[name].dtype}"
        elif not before[name].equal(after[name]):
            difference = (before[name].double() - after[name].double()).abs().max().item()
            yield name, difference if difference > 0 or math.isnan(difference) else "NaN"


def differences(before, after):
    if not before.exists() or not after.exists():
        return [("", "gone" if before.exists() else "new")]
    if before.read_bytes() == after.read_bytes():
        return []
    try:
        if before.suffix == ".json":
            return list(json_differences(json.loads(before.read_text()), json.loads(after.read_text())))
        if before.suffix == ".safetensors":
            return list(tensor_differences(before, after))
    except Exception as error:  # damaged on purpose
        return [("", f"other bytes ({type(error).__name__})")]
    return [("", "other bytes")]


def main():
    before, after, *groups = sys.argv[1:]
    moved = 0
    for group in groups:
        files = {p.relative_to(root).as_posix() for root in (Path(before), Path(after)) for p in (root / group).rglob("*") if p.is_file()}
        for name in sorted(files):
            found = differences(Path(before) / name, Path(after) / name)
            if not found:
                continue
            moved += 1
            numbers = [value for _, value in found if number(value)]
            largest = f"largest difference {max(numbers):.3g}" if numbers else ""
            others = [f"{path} {value}".strip() for path, value in found if not number(value)]
            more = f" and {len(others) - 2} more" if len(others) > 2 else ""
            case = name.removeprefix(f"{group}/")
            print(f"{group}: {case}: {len(found)} moved; {'; '.join([*filter(None, [largest]), *others[:2]])}{more}")
    print(f"{moved} files moved." if moved else "Nothing moved.")
    sys.exit(1 if moved else 0)


if __name__ == "__main__":
    main()
