"""What moves in the fixtures with today's newest releases: npm run reference:drift

    python3 tools/reference/drift.py [--python PYTHON] [--originals PYTHON] [group ...]

Makes an environment of the newest release of every package in requirements.txt (in .cache/reference-drift, beside the
pinned one), or takes the one after --python; makes every fixture again in a scratch folder; and prints what moved: group,
case, largest difference. Nothing of the repository is changed. Exit status 1: something moved or could not be made.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

import generate

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "reference-drift"


def pins():
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def newest_python():
    """An environment with the newest releases, made anew."""
    folder = CACHE / "venv"
    print(f"Installing the newest releases in {folder} (several GB) ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", *pins()], check=True)
    return str(python)


def scratch():
    """A copy of what the scripts read and write, at the same places under a folder of its own."""
    root = CACHE / "scratch"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(HERE, root / "tools" / "reference", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(generate.FIXTURES, root / "parity-tests" / "fixtures")
    (root / "parity-tests" / "models").symlink_to(ROOT / "parity-tests" / "models")
    return root


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("groups", nargs="*", help=", ".join(generate.GROUPS))
    parser.add_argument("--python")
    parser.add_argument("--originals", metavar="PYTHON")
    arguments = parser.parse_args()
    python = arguments.python or newest_python()
    wanted = [g for g in arguments.groups or generate.GROUPS if arguments.originals or g not in generate.OF_ORIGINALS]

    pinned, found = pins(), generate.versions_of(python)
    for name, version in pinned.items():
        if name in found and found[name] != version:
            print(f"{name}: pinned {version}, here {found[name]}")

    root = scratch()
    failed = []
    for group in wanted:
        print(f"{group} ...", flush=True)
        by = ["--originals", arguments.originals] if group in generate.OF_ORIGINALS else []
        script = root / "tools" / "reference" / "generate.py"
        run = subprocess.run([python, str(script), *by, group], capture_output=True, text=True)
        if run.returncode != 0:
            lines = [line for line in run.stderr.splitlines() if re.match(r"\w*(Error|Exception|Exit)\b", line)]
            failed.append((group, lines[0] if lines else run.stderr[-200:]))
    compared = subprocess.run([python, str(HERE / "drift_compare.py"), str(generate.FIXTURES), str(root / "parity-tests/fixtures"), *wanted])
    for group, error in failed:
        print(f"{group}: could not be made: {error}")
    sys.exit(1 if failed or compared.returncode else 0)


if __name__ == "__main__":
    main()
