# ruff: noqa: INP001 - a script's part, not a package
"""Data of any size whose classes are known, written to a file block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phonoscope.files import written_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASSES = 33
_LATENT = 30
_ROWS = 2_000
# standard deviation of the classes' centres along each latent axis, on which a class's samples have 1
_SPREAD = 0.9
_NOISE = 0.5


def planted(folder: Path, n: int, d: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return n samples of d features, mapped from a file in `folder`, and the class of each.

    33 Gaussian classes of some overlap in 30 dimensions, mixed into d features, with noise on each feature. The first
    rows of more samples are the same, at the same d. What was written before is used again.
    """
    path, classes_path = folder / f"planted-{n}-{d}.npy", folder / f"planted-{n}-{d}-classes.npy"
    if not (path.exists() and classes_path.exists()):
        _write(path, classes_path, n, d, seed)
    return np.load(path, mmap_mode="r"), np.load(classes_path)


def _write(path: Path, classes_path: Path, n: int, d: int, seed: int) -> None:
    random = np.random.default_rng([seed, d])
    centres = _SPREAD * random.standard_normal((CLASSES, _LATENT), np.float32)
    mixing = random.standard_normal((_LATENT, d), np.float32) / np.float32(np.sqrt(_LATENT))
    classes = np.empty(n, np.int64)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole([path, classes_path]) as (data_file, classes_file):
        X = np.lib.format.open_memmap(data_file, "w+", np.float32, (n, d))
        for first in range(0, n, _ROWS):
            block = np.random.default_rng([seed, d, first])
            own = block.integers(CLASSES, size=_ROWS)
            latent = centres[own] + block.standard_normal((_ROWS, _LATENT), np.float32)
            rows = latent @ mixing + np.float32(_NOISE) * block.standard_normal((_ROWS, d), np.float32)
            X[first : first + _ROWS] = rows[: n - first]
            classes[first : first + _ROWS] = own[: n - first]
        X.flush()
        np.save(classes_file, classes)
