"""A safetensors file of every dtype, with floats that are hard to round, as Python's library writes it.

    python tools/reference/safetensors_files.py parity-tests/fixtures/safetensors

Needs torch and safetensors.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

target = Path(sys.argv[1])
target.mkdir(parents=True, exist_ok=True)

# Any bits, and every kind of edge: ties, subnormals, the largest halves, zeros of both signs, infinities.
bits = torch.randint(-(2**31), 2**31, (500,), generator=torch.Generator().manual_seed(0)).to(torch.int32)
near = torch.randn(1000, generator=torch.Generator().manual_seed(1)) * torch.logspace(-9, 5, 1000)
edges = [0.0, -0.0, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, 2**-24, 2**-25, 3 * 2**-25, 2**-26, 65504.0]
edges += [65519.0, 65519.996, float("inf"), float("-inf"), 6.1e-5, 6.09e-5, 1e-40, 3.38e38]
floats = torch.cat([bits.view(torch.float32), near, torch.tensor(edges)])
floats = floats[~floats.isnan()]

small = torch.tensor([[0, 1, 2], [3, 100, 127]])
dtypes = "int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool float64".split()
tensors = {f"{i}.{name}": small.to(getattr(torch, name)) for i, name in enumerate(dtypes)}
tensors |= {
    "floats": floats,
    "float16": floats.half(),
    "bfloat16": floats.bfloat16(),
    "float16 widened": floats.half().float(),
    "bfloat16 widened": floats.bfloat16().float(),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 4),
    "Größe": torch.ones(2),
}
save_file(tensors, target / "every-dtype.safetensors", {"format": "pt"})
