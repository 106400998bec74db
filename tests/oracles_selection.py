"""Naive references of the criteria that choose a number of clusters: the formulas as they are written, in loops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from oracles import manhattan, squared_distance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Distance = Callable[[Floats, Floats], float]


def euclidean(a: Floats, b: Floats) -> float:
    return math.sqrt(squared_distance(a, b))


def divided(a: float, b: float) -> float:
    """Divide as IEEE 754 does."""
    if b:
        return a / b
    return math.inf if a else math.nan


def mean(values: Sequence[float]) -> float:
    """Return the mean; one value that is no number makes it none."""
    return sum(values) / len(values)


def clusters(labels: Sequence[int], k: int) -> list[list[int]]:
    return [[i for i, label in enumerate(labels) if label == cluster] for cluster in range(k)]


def centre_ratio(X: Floats, centres: Floats, labels: Sequence[int], of: str) -> float:
    ratios = []
    for cluster, centre in enumerate(centres):
        own = [manhattan(x, centre) for x, label in zip(X, labels, strict=True) if label == cluster]
        other = [manhattan(x, centre) for x, label in zip(X, labels, strict=True) if label != cluster]
        if of == "sums":
            ratios.append(divided(sum(own), sum(other)))
        else:
            ratios.append(divided(mean(own), mean(other)))
    return mean(ratios)


def block_ratio(A: Floats, labels: Sequence[int], k: int) -> float:
    """Sort the samples by cluster, cut the matrix into blocks, compare the norms of the blocks."""
    order = [i for cluster in clusters(labels, k) for i in cluster]
    ends = np.cumsum([0, *(len(cluster) for cluster in clusters(labels, k))])
    sorted_affinity = A[order][:, order]

    def norm(i: int, j: int) -> float:
        block = sorted_affinity[ends[i] : ends[i + 1], ends[j] : ends[j + 1]]
        return math.sqrt(sum(float(a) ** 2 for a in block.ravel()))

    return mean([divided(norm(i, j), norm(i, i)) for i in range(k) for j in range(k) if i != j])


def silhouette(X: Floats, labels: Sequence[int], k: int, distance: Distance) -> float:
    found = []
    for i, x in enumerate(X):
        members = clusters(labels, k)
        own = [j for j in members[labels[i]] if j != i]
        if not own:
            found.append(0.0)
            continue
        a = mean([distance(x, X[j]) for j in own])
        b = min(mean([distance(x, X[j]) for j in members[c]]) for c in range(k) if c != labels[i])
        found.append((b - a) / max(a, b) if max(a, b) > 0 else 0.0)
    return mean(found)


def davies_bouldin(X: Floats, centres: Floats, labels: Sequence[int], distance: Distance) -> float:
    k = len(centres)
    members = clusters(labels, k)
    spread = [mean([distance(X[i], centres[c]) for i in members[c]]) for c in range(k)]
    worst = []
    for i in range(k):
        ratios = [divided(spread[i] + spread[j], distance(centres[i], centres[j])) for j in range(k) if j != i]
        worst.append(math.nan if any(math.isnan(r) for r in ratios) else max(ratios))
    return mean(worst)


def means(X: Floats, labels: Sequence[int], k: int) -> NDArray[np.float64]:
    return np.array([[mean([float(X[i, j]) for i in c]) for j in range(X.shape[1])] for c in clusters(labels, k)])


def adjusted_rand(a: Sequence[int], b: Sequence[int]) -> float:
    """Count the pairs of samples that both labellings join, and what chance would join (Hubert and Arabie 1985)."""
    pairs = [(i, j) for i in range(len(a)) for j in range(i)]
    in_a = sum(a[i] == a[j] for i, j in pairs)
    in_b = sum(b[i] == b[j] for i, j in pairs)
    in_both = sum(a[i] == a[j] and b[i] == b[j] for i, j in pairs)
    chance = in_a * in_b / len(pairs)
    largest = (in_a + in_b) / 2
    return 1.0 if largest == chance else (in_both - chance) / (largest - chance)


def nystrom(between: Floats, inside: Floats, values: Floats, vectors: Floats) -> NDArray[np.float64]:
    """Place each further sample on each eigenvector, one by one."""
    placed = np.zeros((len(between), len(values)))
    for y, row in enumerate(between):
        for j, value in enumerate(values):
            terms = [
                float(row[x]) / math.sqrt(float(row.sum()) * float(inside[x].sum())) * float(vectors[x, j])
                for x in range(len(inside))
            ]
            placed[y, j] = sum(terms) / float(value)
    return placed


def reading(curve: dict[int, float], *, largest: bool, first: bool) -> tuple[int, bool]:
    """Choose a k, and tell whether it is at the edge: walk along the curve as a person would with a pencil."""
    ks = [k for k in sorted(curve) if math.isfinite(curve[k])]
    if not ks:
        return min(curve), True
    heights = [-curve[k] if largest else curve[k] for k in ks]

    def falls_to(i: int) -> bool:
        return i > 0 and heights[i - 1] > heights[i]

    def rises_after(i: int) -> bool:
        """Walk right over level ground: does the path go up?"""
        while i + 1 < len(heights) and heights[i + 1] == heights[i]:
            i += 1
        return i + 1 < len(heights) and heights[i + 1] > heights[i]

    def level_to_an_end(i: int) -> bool:
        return len(set(heights[: i + 1])) == 1 or len(set(heights[i:])) == 1

    if first:
        for i, k in enumerate(ks):
            if falls_to(i) and rises_after(i):
                return k, False
    i = heights.index(min(heights))
    return ks[i], level_to_an_end(i)
