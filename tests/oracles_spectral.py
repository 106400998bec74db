"""Naive references of spectral clustering's parts, in loops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]


def lloyd(rows: Floats, centres: Floats) -> tuple[list[int], float]:
    """Euclidean k-means from given centres; an emptied cluster takes the row farthest from its own centre."""
    k, before = len(centres), [-1] * len(rows)
    centres = centres.copy()
    while True:
        labels, distances = [], []
        for row in rows:
            to_each = [float(((row - centre) ** 2).sum()) for centre in centres]
            labels.append(to_each.index(min(to_each)))
            distances.append(min(to_each))
        for cluster in range(k):
            movable = [i for i in range(len(rows)) if labels.count(labels[i]) > 1 and distances[i] > 0]
            if cluster not in labels and movable:
                farthest = max(movable, key=lambda i: distances[i])
                labels[farthest], distances[farthest] = cluster, 0.0
        if labels == before:
            return labels, sum(distances)
        before = labels
        for cluster in set(labels):
            centres[cluster] = np.mean(
                [row for row, label in zip(rows, labels, strict=True) if label == cluster], axis=0
            )


def inertia(rows: Floats, labels: NDArray[np.int64]) -> float:
    total = 0.0
    for cluster in set(labels.tolist()):
        members = rows[labels == cluster]
        total += float(((members - members.mean(axis=0)) ** 2).sum())
    return total


def neighbour_distances(X: Floats, k: int) -> list[list[float]]:
    return [sorted(math.dist(x, y) for j, y in enumerate(X) if j != i)[:k] for i, x in enumerate(X)]
