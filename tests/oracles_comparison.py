"""Comparisons of models written out the slow way."""

from __future__ import annotations

from itertools import combinations, permutations
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def slow_holm(p: Sequence[float]) -> list[float]:
    """For each test the smallest level at which Holm's procedure, step by step, rejects it."""
    corrected = [0.0] * len(p)
    order = sorted(range(len(p)), key=lambda i: p[i])
    worst = 0.0
    for step, i in enumerate(order):
        worst = max(worst, min(1.0, p[i] * (len(p) - step)))
        corrected[i] = worst
    return corrected


def slow_paired(a: float, b: float, draws: Sequence[tuple[float, float]]) -> tuple[float, float, float, float, float]:
    """Difference, interval, standard error and p of paired replicates."""
    differences = [one - other for one, other in draws]
    mean = sum(differences) / len(differences)
    se = (sum((d - mean) ** 2 for d in differences) / (len(differences) - 1)) ** 0.5
    moved = [d - mean + a - b for d in differences]
    low, high = np.quantile(moved, 0.025), np.quantile(moved, 0.975)
    return a - b, float(low), float(high), se, 2 * NormalDist().cdf(-abs(a - b) / se)


def slow_pairs(a: Mapping[str, int], b: Mapping[str, int]) -> tuple[set[tuple[str, str]], ...]:
    """Pairs of shared phones joined in both, in the first only, in the second only."""
    pairs = list(combinations([phone for phone in a if phone in b], 2))
    return (
        {(x, y) for x, y in pairs if a[x] == a[y] and b[x] == b[y]},
        {(x, y) for x, y in pairs if a[x] == a[y] and b[x] != b[y]},
        {(x, y) for x, y in pairs if a[x] != a[y] and b[x] == b[y]},
    )


def slow_rand(a: Sequence[int], b: Sequence[int]) -> float:
    """The adjusted Rand index, by all pairs (Hubert and Arabie 1985)."""
    pairs = list(combinations(range(len(a)), 2))
    of_a, of_b = ([of[i] == of[j] for i, j in pairs] for of in (a, b))
    both = sum(x and y for x, y in zip(of_a, of_b, strict=True))
    expected, most = sum(of_a) * sum(of_b) / len(pairs), (sum(of_a) + sum(of_b)) / 2
    return (both - expected) / (most - expected)


def exact_p(a: Sequence[int], b: Sequence[int]) -> float:
    """The share of all orders of b whose adjusted Rand index with a is at least that of b itself."""
    observed = slow_rand(a, b)
    found = [slow_rand(a, order) >= observed - 1e-12 for order in permutations(b)]
    return sum(found) / len(found)
