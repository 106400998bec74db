"""Naive references for what units are selective for: SciPy's tests, pair by pair, and a transform term by term."""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import mannwhitneyu, ranksums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def higher(x: NDArray[np.floating], y: NDArray[np.floating], alpha: float) -> bool:
    """Whether x is above y by SciPy's Mann-Whitney test, which corrects for ties; where all are equal it gives NaN."""
    with np.errstate(all="ignore"):
        p = mannwhitneyu(x, y, alternative="greater", use_continuity=False, method="asymptotic").pvalue
    return bool(p < alpha)


def higher_without_ties(x: NDArray[np.floating], y: NDArray[np.floating], alpha: float) -> bool:
    """Whether x is above y by SciPy's rank-sum test, which knows no ties."""
    return bool(ranksums(x, y, alternative="greater").pvalue < alpha)


def told_apart(unit: NDArray[np.floating], phones: Sequence[str], alpha: float) -> dict[tuple[str, str], bool]:
    """For each pair of phones whether the unit answers to the first with higher activations."""
    names = list(dict.fromkeys(phones))
    of = {name: unit[[phone == name for phone in phones]] for name in names}
    return {(p, q): higher(of[p], of[q], alpha) for p in names for q in names if p != q}


def psi(unit: NDArray[np.floating], phones: Sequence[str], alpha: float) -> list[int]:
    """The phoneme selectivity index of one unit for each phone."""
    pairs = told_apart(unit, phones, alpha)
    return [sum(found for (p, _), found in pairs.items() if p == name) for name in dict.fromkeys(phones)]


def fsi(unit: NDArray[np.floating], phones: Sequence[str], alpha: float, sides: Mapping[str, bool]) -> float:
    """The share of the pairs across a contrast that are told apart."""
    of = {name: unit[[phone == name for phone in phones]] for name in sides}
    across = [higher(of[p], of[q], alpha) for p in sides for q in sides if sides[p] and not sides[q]]
    return sum(across) / len(across)


def transform(kernel: NDArray[np.floating], temporal: float, spectral: float) -> float:
    """The magnitude of a kernel's Fourier transform at one pair of modulations."""
    total = 0j
    for t in range(kernel.shape[0]):
        for f in range(kernel.shape[1]):
            total += float(kernel[t, f]) * cmath.exp(-2j * math.pi * (temporal * t + spectral * f))
    return abs(total)
