"""Naive references of formants' ceilings, filters, trees and triplets: the formulas in loops."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def pearson(x: Sequence[float], y: Sequence[float]) -> float:
    """0 where one of the two is constant."""
    if len(set(x)) == 1 or len(set(y)) == 1:
        return 0.0
    a, b = [v - mean(x) for v in x], [v - mean(y) for v in y]
    return math.fsum(p * q for p, q in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


# --- formants ---


def within_vowel_variance(tokens: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> tuple[list[float], int]:
    """A token is its vowel and (F1, F2) under each ceiling; a formant that is not there is NaN."""
    whole = [(vowel, pairs) for vowel, pairs in tokens if not any(math.isnan(f) for pair in pairs for f in pair)]
    vowels = {vowel for vowel, _ in whole}
    freedom = len(whole) - len(vowels)
    found = []
    for c in range(len(tokens[0][1])):
        squares = 0.0
        for vowel in vowels:
            for formant in (0, 1):
                logs = [math.log(pairs[c][formant]) for v, pairs in whole if v == vowel]
                squares += sum((value - mean(logs)) ** 2 for value in logs)
        found.append(squares / freedom if freedom else math.nan)
    return found, freedom


# --- filters ---


def filter_scalars(row: Floats, shape: tuple[int, int, int]) -> list[tuple[float, float]]:
    """Mean and centroid of each map of one sample."""
    maps, times, bins = shape
    found = []
    for m in range(maps):
        cells = [[float(row[(m * times + t) * bins + f]) for f in range(bins)] for t in range(times)]
        profile = [max(0.0, mean([cells[t][f] for t in range(times)])) for f in range(bins)]
        mass = sum(profile)
        centroid = sum(f * weight for f, weight in enumerate(profile)) / mass if mass > 0 else math.nan
        found.append((mean([value for line in cells for value in line]), centroid))
    return found


def ranks(values: Sequence[float]) -> list[float]:
    """From 1; equal values share the mean of their ranks."""
    return [1 + sum(v < x for v in values) + (sum(v == x for v in values) - 1) / 2 for x in values]


def spearman(x: Sequence[float], y: Sequence[float]) -> float | None:
    if len(x) < 3 or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    return pearson(ranks(x), ranks(y))


# --- hierarchy ---


def cooccurrence(phones: Sequence[str], labels: Sequence[Sequence[int]]) -> dict[tuple[str, str], float]:
    """Try all pairs of samples, in all clusterings."""
    found = {}
    for p, q in itertools.product(set(phones), repeat=2):
        pairs = [(i, j) for i, a in enumerate(phones) if a == p for j, b in enumerate(phones) if b == q]
        found[p, q] = mean([mean([row[i] == row[j] for i, j in pairs]) for row in labels])
    return found


def average_linkage(distances: Floats) -> list[tuple[frozenset[int], frozenset[int], float]]:
    """Join the two sets with the smallest mean distance until one is left."""
    sets = [frozenset([i]) for i in range(len(distances))]
    joined = []
    while len(sets) > 1:
        pairs = {
            (a, b): mean([float(distances[i, j]) for i in a for j in b]) for a, b in itertools.combinations(sets, 2)
        }
        (a, b), height = min(pairs.items(), key=lambda pair: pair[1])
        joined.append((a, b, height))
        sets = [s for s in sets if s not in {a, b}] + [a | b]
    return joined


def leaf_orders(joined: Sequence[tuple[frozenset[int], frozenset[int], float]]) -> list[tuple[int, ...]]:
    """All orders of the leaves that turning inner nodes gives."""
    orders: dict[frozenset[int], list[tuple[int, ...]]] = {}

    def of(node: frozenset[int]) -> list[tuple[int, ...]]:
        return orders.get(node) or [tuple(node)]

    for a, b, _ in joined:
        both = list(itertools.product(of(a), of(b)))
        orders[a | b] = [x + y for x, y in both] + [y + x for x, y in both]
    return orders[joined[-1][0] | joined[-1][1]]


def triplet_score(distances: Floats, values: Sequence[Hashable]) -> float | None:
    shares = []
    n = len(values)
    for value in dict.fromkeys(values):
        points = []
        for a, b, c in itertools.product(range(n), repeat=3):
            if a != b and values[a] == values[b] == value != values[c]:
                points.append(1.0 if distances[a, b] < distances[a, c] else 0.5 * (distances[a, b] == distances[a, c]))
        if points:
            shares.append(mean(points))
    return mean(shares) if shares else None
