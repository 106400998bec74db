"""The steps of Euclidean k-means on rows: nearest centres, clusters that emptied, means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Labels = NDArray[np.int64]

# Rows worked at once; cells of a row's place in memory that are filled with zeros up to a multiple of four.
_TILE, UNROLLED = 256, 4


@kernel(fastmath=True, error_model="numpy")
def assign(columns: Floats, centres: Floats, first: int, last: int, nearest: Floats, labels: Labels) -> None:
    """Find the nearest centre of some rows, the lowest of equally near ones, and its squared distance."""
    sums = np.empty(_TILE, columns.dtype)
    for low in range(first, last, _TILE):
        wide = min(_TILE, last - low)
        for c in range(len(centres)):
            sums[:] = 0
            for j in range(0, centres.shape[1], UNROLLED):
                c0, c1, c2, c3 = centres[c, j], centres[c, j + 1], centres[c, j + 2], centres[c, j + 3]
                x0, x1 = columns[j, low : low + wide], columns[j + 1, low : low + wide]
                x2, x3 = columns[j + 2, low : low + wide], columns[j + 3, low : low + wide]
                # differences, not products: clusters may be far closer than they are large
                for i in range(wide):
                    a0, a1, a2, a3 = x0[i] - c0, x1[i] - c1, x2[i] - c2, x3[i] - c3
                    sums[i] += a0 * a0 + a1 * a1 + a2 * a2 + a3 * a3
            own, best = labels[low : low + wide], nearest[low : low + wide]
            for i in range(wide):
                closer = c == 0 or sums[i] < best[i]
                best[i] = sums[i] if closer else best[i]
                own[i] = c if closer else own[i]


@kernel(fastmath=True, error_model="numpy")
def add_up(rows: Floats, labels: Labels, first: int, last: int, sums: Floats, sizes: Labels) -> None:
    """Sum the rows of each cluster and count them, from `first` to before `last`."""
    sums[:] = 0
    sizes[:] = 0
    for i in range(first, last):
        sizes[labels[i]] += 1
        for j in range(rows.shape[1]):
            sums[labels[i], j] += rows[i, j]


@kernel()
def fill_empty(rows: Floats, nearest: Floats, labels: Labels, sums: Floats, sizes: Labels) -> None:
    """Move the row farthest from its centre to each empty cluster; a row that is alone or at its centre stays."""
    for c in range(len(sizes)):
        if sizes[c]:
            continue
        farthest, distance = -1, 0.0
        for i in range(len(rows)):
            if nearest[i] > distance and sizes[labels[i]] > 1:
                farthest, distance = i, nearest[i]
        if farthest < 0:
            return
        sums[labels[farthest]] -= rows[farthest]
        sums[c] = rows[farthest]
        sizes[labels[farthest]] -= 1
        sizes[c] = 1
        labels[farthest] = c
        nearest[farthest] = 0


@kernel()
def move_centres(centres: Floats, sums: Floats, sizes: Labels) -> None:
    """Put each centre at its cluster's mean; an empty cluster's stays."""
    for c in range(len(centres)):
        if sizes[c]:
            for j in range(centres.shape[1]):
                centres[c, j] = sums[c, j] / sizes[c]
