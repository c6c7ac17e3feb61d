"""Small files in the formats of Flax, TensorFlow and PyTorch, sound and malicious.

    python tools/reference/formats.py parity-tests/fixtures/formats

Needs flax 0.7, h5py and torch (the environment of the Flax and TensorFlow originals).
"""

import os
import sys
from collections import OrderedDict
from pathlib import Path

import flax.serialization as flax
import h5py
import jax.numpy as jnp
import numpy as np
import torch
from safetensors.numpy import save_file

target = Path(sys.argv[1])
target.mkdir(parents=True, exist_ok=True)
values = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7

# Flax: scalars, half precision, empty and chunked arrays.
flax.MAX_CHUNK_SIZE = 40
tree = {
    "chunked": {"kernel": jnp.asarray(values)},
    "half": jnp.asarray(values[0], jnp.bfloat16),
    "scalar": np.float32(2.5),
    "small": {"bias": np.float16([1, -2, 0.5]), "ids": np.arange(3), "none": np.zeros((0, 4), np.float32)},
}
(target / "sound.msgpack").write_bytes(flax.to_bytes(tree))

# PyTorch: views of one storage, every dtype that has one, parameters.
base = torch.from_numpy(values.copy())
state = OrderedDict(
    whole=base,
    transposed=base[0].t(),
    part=base[1, 1:, 1:3],
    parameter=torch.nn.Parameter(base[0, 0].clone()),
    bfloat16=base[0].bfloat16(),
    float16=base[0].half(),
    int64=torch.arange(3),
    bool=torch.tensor([True, False]),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 4),
)
state._metadata = OrderedDict(version=1)
torch.save(state, target / "sound.bin")
save_file({name: np.array(t.detach().float().numpy(), order="C") for name, t in state.items()}, target / "sound.safetensors")


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/dual-encoder-was-here",)


torch.save({"weight": base, "evil": Evil()}, target / "os-system.bin")
torch.save({"weight": base}, target / "legacy.bin", _use_new_zipfile_serialization=False)
torch.save(state, target / "sound-legacy.bin", _use_new_zipfile_serialization=False)
torch.save({"weight": base, "evil": Evil()}, target / "os-system-legacy.bin", _use_new_zipfile_serialization=False)

# HDF5: what Keras writes, and what it does not.
for name, options in {
    "chunked": {"chunks": (1, 3, 4)},
    "gzip": {"compression": "gzip"},
    "compact": {},
    "sound": {},
}.items():
    with h5py.File(target / f"{name}.h5", "w") as file:
        file.attrs["backend"] = "tensorflow"
        group = file.create_group("a/tf_model/a")
        if name == "compact":
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple(values.shape)
            h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.NATIVE_FLOAT, space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        else:
            group.create_dataset("kernel:0", data=values, **options)
        # Enough members for a B-tree of several levels.
        for i in range(300 if name == "sound" else 0):
            file.create_dataset(f"b/tf_model/b/bias_{i}:0", data=np.float32([i, -i]))
with h5py.File(target / "latest.h5", "w", libver="latest") as file:
    file.create_dataset("a/kernel:0", data=values)

# Groups that hold the next one twice, 24 times over: 16 million paths.
with h5py.File(target / "doubled.h5", "w") as file:
    groups = [file.create_group("group"), *(file.create_group(None) for _ in range(24))]
    for above, below in zip(groups, groups[1:]):
        above["a"] = above["b"] = below
    groups[-1]["kernel:0"] = values
