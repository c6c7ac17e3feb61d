"""Writes parity-tests/fixtures/datasets: small data sets as Python's tools write them.

    python tools/reference/datasets.py

`parquet/data/{train,test}-*.parquet` as Hugging Face's `datasets` writes pictures (`{bytes, path}`; captions in a list), with
row groups of three, compressed by snappy; `tar/` as WebDataset has it, in ustar, GNU's and pax's format (long names), and
gzipped. Every picture is 8x8 of one colour: red is its number times 20.
"""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROOT = Path(__file__).resolve().parents[2] / "parity-tests" / "fixtures" / "datasets"


def picture(number):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (20 * number, 10, 200)).save(out, "PNG")
    return out.getvalue()


def captions(number):
    return [f"picture {number}", f"bild {number} ü"]


def parquet(path, numbers):
    table = pa.table(
        {
            "image": [{"bytes": picture(n), "path": f"{n}.png"} for n in numbers],
            "captions": pa.array([captions(n) if n != 4 else [] for n in numbers], pa.list_(pa.string())),
            "group": [n % 2 for n in numbers],
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=3, compression="snappy")


def tar(name, form, numbers, long="", mode="w"):
    with tarfile.open(ROOT / "tar" / name, mode, format=form) as file:
        for n in numbers:
            parts = {"png": picture(n), "json": json.dumps({"captions": captions(n), "group": n % 2}).encode()}
            if n == 5:
                parts = {"png": picture(n), "txt": "\n".join(captions(n)).encode()}
            for ending, data in parts.items():
                info = tarfile.TarInfo(f"{long}{n:04}.{ending}")
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    (ROOT / "tar").mkdir(parents=True)
    parquet(ROOT / "parquet/data/train-00000-of-00002.parquet", range(0, 5))
    parquet(ROOT / "parquet/data/train-00001-of-00002.parquet", range(5, 8))
    parquet(ROOT / "parquet/data/test-00000-of-00001.parquet", range(8, 10))
    long = "a-folder-with-a-name-that-is-long/" * 4
    tar("00.tar", tarfile.USTAR_FORMAT, range(0, 3), long[:68])
    tar("01.tar", tarfile.GNU_FORMAT, range(3, 5), long)
    tar("02.tar", tarfile.PAX_FORMAT, range(5, 7), long)
    tar("03.tar.gz", tarfile.PAX_FORMAT, range(7, 9), "", "w:gz")


if __name__ == "__main__":
    main()
