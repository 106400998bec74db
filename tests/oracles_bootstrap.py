"""Slow and obvious twins of the bootstrap's tables and of the correction of p-values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(phones: Sequence[int], clusters: Sequence[int], weights: Sequence[int]) -> list[list[int]]:
    """Count the drawn samples one by one."""
    drawn = Counter[tuple[int, int]]()
    for phone, cluster, times in zip(phones, clusters, weights, strict=True):
        for _ in range(times):
            drawn[phone, cluster] += 1
    return [[drawn[p, c] for c in range(max(clusters) + 1)] for p in range(max(phones) + 1)]


def step_down(differences: Sequence[float], around: Sequence[Sequence[float]]) -> list[float]:
    """Westfall and Young's step-down p-values, as their algorithm is worded: the most extreme hypothesis first."""
    n = len(around[0])
    spread = [(sum((x - sum(row) / n) ** 2 for x in row) / n) ** 0.5 for row in around]
    t = [abs(d) / s for d, s in zip(differences, spread, strict=True)]
    found: dict[int, float] = {}
    left = set(range(len(t)))
    least = 0.0
    while left:
        most = max(left, key=lambda i: t[i])
        beyond = sum(max(abs(around[i][b]) / spread[i] for i in left) >= t[most] for b in range(n))
        least = found[most] = max(least, (1 + beyond) / (n + 1))
        left.remove(most)
    return [found[i] for i in range(len(t))]
